"""The product in a directory of its own: configuration, key, and a store full of sessions."""

import os
import sqlite3
from contextlib import AbstractContextManager, closing
from pathlib import Path

import psutil

from bench.servers import ISSUER, free_port, get, running
from issuer.authentication.sessions import hash_id
from issuer.identity import Identity
from issuer.keys import RETENTION_MARGIN, generate
from issuer.keys.model import kid_digest
from issuer.store import SessionRow, Store
from issuer.world import SystemClock

CONFIGURATION = """\
public_url = "http://127.0.0.1:{port}/"

[server]
bind = "127.0.0.1:{port}"

[modules.rs]
type = "jitsi"
server_url = "https://meet.example.com"
app_id = "bench"
algorithm = "RS256"
rule = 'inGroup("staff") && room.startsWith("b")'

[modules.hs]
type = "jitsi"
server_url = "https://meet.example.com"
app_id = "bench"
algorithm = "HS256"
app_secret = "{secret}"
rule = 'inGroup("staff") && room.startsWith("b")'
"""

DWHO = Identity(
    "local",
    "0",
    "dwho",
    {"cn": "Doctor Who", "mail": "dwho@example.com", "sn": "Who", "givenName": "Doctor"},
    ("users", "staff", "timelords"),
)


def session_id(number: int) -> str:
    """Return the id of a session, as load.lua writes it."""
    return f"bench-{number:037d}"


class Product:
    """A prepared directory, and the server on it."""

    def __init__(self, directory: Path, sessions: int, configuration: str = CONFIGURATION) -> None:
        """Prepare the directory."""
        directory.mkdir()
        self.port = free_port()
        self.sessions = sessions
        self._tls = "tls_certificate" in configuration
        self._log = directory / "log"
        self._file = directory / "issuer.toml"
        self._database = directory / "data" / "issuer.db"
        self._file.write_text(configuration.format(port=self.port, secret=os.urandom(32).hex()))
        keys = directory / "keys"
        made = generate(keys, use="jitsi", kind="rsa-2048", clock=SystemClock(), retention=RETENTION_MARGIN)
        self.pem_path = f"/rs/asap/{kid_digest(made[0].kid)}.pem"
        self._fill()

    def _fill(self) -> None:
        self._database.parent.mkdir()
        clock = SystemClock()
        now = clock.now()
        store = Store.open(f"sqlite:///{self._database}", clock)
        store.migrate()
        ends = now + 43200, now + 7200
        row = SessionRow(hash_id(session_id(0)), DWHO, now, now, *ends, "127.0.0.1", "wrk", now)
        store.sessions.add(row)
        store.close()
        with closing(sqlite3.connect(self._database)) as database:
            multiply(database, row.id_hash, self.sessions)

    def url(self, path: str) -> str:
        return f"http{'s' if self._tls else ''}://127.0.0.1:{self.port}{path}"

    def running(self, *command: str) -> AbstractContextManager[psutil.Process]:
        """Serve until the end of the block, with `issuer` or with another command."""
        arguments = [*(command or [str(ISSUER)]), "--config", str(self._file), "serve"]
        return running(arguments, self.port, self._log, tls=self._tls)

    def issuances(self) -> int:
        """Return how many tokens the store has on record."""
        with closing(sqlite3.connect(self._database)) as database:
            return int(database.execute("SELECT count(*) FROM issuances").fetchone()[0])

    def check(self) -> None:
        """Make sure that what is measured is a login: a redirect to the meeting, with a token."""
        for instance in ("rs", "hs"):
            cookie = f"issuer_session={session_id(self.sessions - 1)}"
            answer = get(self.port, f"/{instance}/login?room=board", cookie, tls=self._tls)
            location = answer.headers["Location"] or ""
            if answer.status != 302 or not location.startswith("https://meet.example.com/board?jwt="):
                raise RuntimeError(f"no login: {answer.status} {location}; see {self._log}")
        pem = get(self.port, self.pem_path, tls=self._tls)
        if pem.status != 200:
            raise RuntimeError(f"no key: {pem.status}")


def multiply(database: sqlite3.Connection, id_hash: bytes, count: int) -> None:
    """Copy a session until there are `count`, each of a person of their own."""
    columns = [name for _, name, *_ in database.execute("PRAGMA table_info(sessions)")]
    same = ", ".join(f'"{name}"' for name in columns if name not in {"id_hash", "subject"})
    rows = sorted((hash_id(session_id(number)), str(number), id_hash) for number in range(1, count))
    insert = (
        f"INSERT INTO sessions (id_hash, subject, {same}) SELECT ?, ?, {same} FROM sessions WHERE id_hash = ?"
    )
    database.executemany(insert, rows)
    database.commit()
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
