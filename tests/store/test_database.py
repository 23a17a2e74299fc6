import sqlite3
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import text

from issuer.store import Store, StoreError
from issuer.store.database import Database
from tests.fakes import FakeClock
from tests.postgresql import PostgreSQL
from tests.store.samples import id_hash, issuance, session, user


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("not a url", "cannot be read"),
        ("mysql://root:hunter2@localhost/x", 'cannot be a "mysql" database'),
        ("sqlite://", "is a file"),
        ("sqlite:///:memory:", "is a file"),
        ("sqlite:////tmp/x.db?mode=ro", "without options"),
        ("postgresql://u:hunter2@localhost:x/x", "cannot be read"),
    ],
)
def test_a_url_that_is_no_store_is_refused_without_its_password(url: str, says: str) -> None:
    with pytest.raises(StoreError, match=says) as caught:
        Store.open(url, FakeClock())
    assert "hunter2" not in str(caught.value)


def test_sqlite_runs_as_documented(sqlite_url: str, tmp_path: Path, clock: FakeClock) -> None:
    store = Store.open(sqlite_url, clock)
    store.migrate()
    database = Database(sqlite_url)
    with database.read() as connection:
        names = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout", "wal_autocheckpoint")
        found = [connection.scalar(text(f"PRAGMA {name}")) for name in names]
        assert found == ["wal", 1, 1, 5_000, 4000]
    assert {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == dict.fromkeys(
        ["issuer.db", "issuer.db-wal", "issuer.db-shm"], 0o600
    )
    store.close()
    database.close()


def test_a_path_with_odd_characters_is_a_path(tmp_path: Path, clock: FakeClock) -> None:
    store = Store.open(f"sqlite:///{tmp_path / 'a#b c%25 ü.db'}", clock)
    store.migrate()
    store.check()
    store.close()
    assert [path.name for path in tmp_path.iterdir()] == ["a#b c% ü.db"]


@pytest.mark.server
def test_an_open_store_has_not_imported_alembic(sqlite_url: str, clock: FakeClock) -> None:
    store = Store.open(sqlite_url, clock)
    store.migrate()
    store.close()
    program = (
        "import sys; from issuer.store import Store; from issuer.world import SystemClock;"
        f"store = Store.open({sqlite_url!r}, SystemClock()); store.migrate(); store.check();"
        "print('alembic' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert done.stdout == "False\n"


def test_a_cut_connection_is_replaced_unnoticed(
    postgresql: PostgreSQL, postgresql_url: str, clock: FakeClock
) -> None:
    store = Store.open(postgresql_url, clock)
    store.migrate()
    store.sessions.add(session())
    for token_id in ("t1", "t2"):
        assert store.sessions.get(id_hash("one")) == session()
        store.issuances.record(issuance(token_id))
        assert postgresql.cut(postgresql_url.partition("@/")[2].partition("?")[0]) > 0
    store.issuances.record(issuance("t3"))
    store.check()
    assert len(store.issuances.search()) == 3
    store.close()


def test_a_write_takes_the_lock_when_it_begins(sqlite_url: str, clock: FakeClock) -> None:
    store = Store.open(sqlite_url, clock)
    store.migrate()
    database = Database(sqlite_url)
    shell = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), timeout=0, isolation_level=None)
    with database.write(), pytest.raises(sqlite3.OperationalError, match="locked"):
        shell.execute("BEGIN IMMEDIATE")
    shell.execute("BEGIN IMMEDIATE")
    shell.close()
    database.close()
    store.close()


WRITE_VERSION = 18
"""Where a SQLite file says what is needed to write it; with more than 2 it is read-only for everybody."""


def test_check_refuses_a_file_that_cannot_be_written(sqlite_url: str, clock: FakeClock) -> None:
    store = Store.open(sqlite_url, clock)
    store.migrate()
    store.close()
    with Path(sqlite_url.removeprefix("sqlite:///")).open("r+b") as file:
        file.seek(WRITE_VERSION)
        file.write(b"\x03")
    with pytest.raises(StoreError, match="cannot be written: attempt to write a readonly database"):
        store.check()
    store.close()


def test_check_waits_for_nobody_who_writes(sqlite_url: str, clock: FakeClock) -> None:
    store = Store.open(sqlite_url, clock)
    store.migrate()
    shell = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), timeout=0, isolation_level=None)
    shell.execute("BEGIN IMMEDIATE")
    store.check()
    shell.close()
    store.close()


def test_check_refuses_a_read_only_server_and_connects_anew(postgresql_url: str, clock: FakeClock) -> None:
    store = Store.open(postgresql_url, clock)
    store.migrate()
    store.check()
    name = postgresql_url.partition("@/")[2].partition("?")[0]
    with psycopg.connect(postgresql_url, autocommit=True) as connection:
        change = f"ALTER DATABASE {name} SET default_transaction_read_only"
        connection.execute(f"{change} = on".encode())
        store.database.close()
        with pytest.raises(StoreError, match="read-only"):
            store.check()
        with pytest.raises(StoreError, match="read-only"):
            store.sessions.add(session())
        with pytest.raises(StoreError, match="read-only"):
            store.users.add(user())
        connection.execute(b"SET default_transaction_read_only = off")
        connection.execute(f"{change} = off".encode())
    store.check()
    store.sessions.add(session())
    store.users.add(user())
    store.close()
