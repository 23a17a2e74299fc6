"""The bare way to exchange a code: a Flask route with PyJWT and sqlite3, on the server of the product.

`python -m bench.baselines.exchange PORT WORKERS DATABASE CODES`. It reads the form, spends the code, signs
two tokens with ES256 and writes the rows that the product writes, in one transaction for each request. It
asks neither who the client is nor whether the person may, keeps no log, and believes what it is sent.
"""

import os
import sqlite3
import sys
import threading
import time
from contextlib import closing

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from flask import Flask, Response, abort, jsonify, request

from issuer.serving import ServeOptions, serve
from issuer.settings.models import ServerSettings
from issuer.store.database import digest

TABLES = """
CREATE TABLE codes (code_hash BLOB PRIMARY KEY, subject TEXT, used_at REAL);
CREATE TABLE refresh_tokens (token_hash BLOB PRIMARY KEY, subject TEXT, expires_at REAL);
CREATE TABLE issuances (token_id TEXT PRIMARY KEY, issued_at REAL, client TEXT, subject TEXT);
CREATE INDEX issued ON issuances (issued_at);
"""
LIFETIME = 600
ISSUER = "https://id.example.com"


def make(database: str, codes: int) -> None:
    with closing(connect(database)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.executescript(TABLES)
        connection.execute("BEGIN")
        rows = ((digest(f"code-es256-{number}"), "bench") for number in range(codes))
        connection.executemany("INSERT INTO codes VALUES (?, ?, NULL)", rows)
        connection.execute("COMMIT")


def connect(database: str) -> sqlite3.Connection:
    connection = sqlite3.connect(database, timeout=10, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA synchronous=NORMAL")
    return connection


def bare_app(database: str) -> Flask:
    app, key, turn = Flask("bare"), generate_private_key(SECP256R1()), threading.Lock()
    connection = connect(database)

    def exchange(code: bytes, token_ids: list[str], refresh: bytes, now: float) -> str:
        with turn:
            connection.execute("BEGIN IMMEDIATE")
            spend = "UPDATE codes SET used_at = ? WHERE code_hash = ? AND used_at IS NULL RETURNING subject"
            found = connection.execute(spend, (now, code)).fetchall()
            rows = [(token_id, now, "es256", "bench") for token_id in token_ids]
            connection.executemany("INSERT INTO issuances VALUES (?, ?, ?, ?)", rows)
            connection.execute("INSERT INTO refresh_tokens VALUES (?, 'bench', ?)", (refresh, now))
            connection.execute("COMMIT")
        return str(found[0][0]) if found else abort(400)

    @app.post("/token")
    def token() -> Response:
        now, token_ids, refresh = time.time(), [os.urandom(16).hex() for _ in range(2)], os.urandom(32).hex()
        subject = exchange(digest(request.form["code"]), token_ids, digest(refresh), now)
        claims = {"iss": ISSUER, "sub": subject, "aud": request.form["client_id"], "exp": now + LIFETIME}
        access, identity = (jwt.encode({**claims, "jti": jti}, key, "ES256") for jti in token_ids)
        return jsonify(access_token=access, id_token=identity, refresh_token=refresh, expires_in=LIFETIME)

    return app


def main() -> int:
    port, workers, database, codes = sys.argv[1:]
    make(database, int(codes))
    options = ServeOptions(f"127.0.0.1:{port}", int(workers), ServerSettings().threads)
    return serve(lambda: bare_app(database), options)


if __name__ == "__main__":
    sys.exit(main())
