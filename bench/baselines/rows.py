"""The bare way to sign in and to exchange a code on PostgreSQL: Flask routes with psycopg, argon2 and PyJWT.

`python -m bench.baselines.rows PORT WORKERS URL`, on the server of the product and a database of its kind.
It reads the form, verifies the password or spends the code, and writes the rows that the product writes, in
one transaction for each request. It asks neither who the client is nor whether the person may, limits nobody,
keeps no log, and believes what it is sent.
"""

import os
import sys
import threading
import time
from typing import Any

import jwt
import psycopg
from argon2 import PasswordHasher
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from flask import Flask, Response, abort, jsonify, redirect, request

from issuer.serving import ServeOptions, serve
from issuer.settings.models import ServerSettings
from issuer.store.database import digest

LIFETIME = 600
ISSUER = "https://id.example.com"
SPEND = "UPDATE oidc_grants SET code_used_at = %s WHERE code_hash = %s AND code_used_at IS NULL RETURNING id"
REFRESH = "INSERT INTO oidc_refresh_tokens (token_hash, grant_id, expires_at) VALUES (%s, %s, %s)"
ISSUANCE = (
    "INSERT INTO issuances (token_id, issued_at, expires_at, instance, module, backend, subject, uid, kid,"
    " address) VALUES (%s, %s, %s, 'oidc', 'oidc', 'local', 'bench', 'bench', 'key', '127.0.0.1')"
)
USER = "SELECT id, password_hash, attributes, groups FROM users WHERE uid = %s"
ATTEMPT = (
    "INSERT INTO attempts (bucket_hash, count, blocked_until, forget_at) VALUES (%s, 1, 0, %s)"
    " ON CONFLICT (bucket_hash) DO UPDATE SET count = attempts.count + 1, forget_at = excluded.forget_at"
)
CLEARED = "DELETE FROM attempts WHERE bucket_hash = %s"
RELEASED = "UPDATE attempts SET count = count - 1 WHERE bucket_hash = %s"
SESSION = (
    "INSERT INTO sessions (id_hash, backend, subject, uid, attributes, groups, auth_level, created_at,"
    " seen_at, expires_at, idle_expires_at, address, user_agent, macros, refreshed_at, auth_time)"
    " VALUES (%s, 'local', %s, %s, %s, %s, 1, %s, %s, %s, %s, '127.0.0.1', 'bench', '{}', %s, %s)"
)
BROWSER = "INSERT INTO known_browsers (account_hash, token_hash, expires_at) VALUES (%s, %s, %s)"


class Connections(threading.local):
    """One connection for each thread."""

    def __init__(self, url: str) -> None:
        self.own: psycopg.Connection[tuple[Any, ...]] = psycopg.connect(url, autocommit=True)


def bare_app(url: str) -> Flask:
    app, key, connections = Flask("bare"), generate_private_key(SECP256R1()), Connections(url)
    hasher = PasswordHasher()

    @app.get("/healthz")
    def healthz() -> str:
        return "ok"

    @app.post("/token")
    def token() -> Response:
        now, token_ids, refresh = time.time(), [os.urandom(16).hex() for _ in range(2)], os.urandom(32).hex()
        code = digest("oidc " + request.form["code"])
        with connections.own.transaction(), connections.own.cursor() as cursor:
            found = cursor.execute(SPEND, (now, code)).fetchone() or abort(400)
            cursor.executemany(ISSUANCE, [(token_id, now, now + LIFETIME) for token_id in token_ids])
            cursor.execute(REFRESH, (digest(refresh), found[0], now + LIFETIME))
        claims = {"iss": ISSUER, "sub": "bench", "aud": request.form["client_id"], "exp": now + LIFETIME}
        access, identity = (jwt.encode({**claims, "jti": jti}, key, "ES256") for jti in token_ids)
        return jsonify(access_token=access, id_token=identity, refresh_token=refresh, expires_in=LIFETIME)

    @app.post("/login")
    def login() -> Response:
        now, session_id, browser, uid = time.time(), os.urandom(32), os.urandom(32), request.form["login"]
        account, address = digest(uid), digest("127.0.0.1")
        user = connections.own.execute(USER, (uid,)).fetchone() or abort(401)
        hasher.verify(user[1], request.form["password"])
        times = (now, now, now + LIFETIME, now + LIFETIME, now, now)
        with connections.own.transaction(), connections.own.cursor() as cursor:
            cursor.executemany(ATTEMPT, [(account, now + LIFETIME), (address, now + LIFETIME)])
            cursor.execute(SESSION, (digest(session_id.hex()), user[0], uid, user[2], user[3], *times))
            cursor.execute(CLEARED, (account,))
            cursor.execute(RELEASED, (address,))
            cursor.execute(BROWSER, (account, digest(browser.hex()), now + LIFETIME))
        answer = redirect("/", 303)
        answer.set_cookie("issuer_session", session_id.hex(), httponly=True)
        return answer  # type: ignore[return-value]

    return app


def main() -> int:
    port, workers, url = sys.argv[1:]
    options = ServeOptions(f"127.0.0.1:{port}", int(workers), ServerSettings().threads)
    return serve(lambda: bare_app(url), options)


if __name__ == "__main__":
    sys.exit(main())
