from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from issuer.module import Module
from issuer.store import Database, Store, StoreError
from issuer.store.branch import CORE
from issuer.store.tables import HEAD
from issuer.testing.tables import differences, newest
from issuer.wiring.plugins import MODULES, known, load
from tests.fakes import FakeClock
from tests.store.samples import user


def test_the_newest_migration_is_the_head_that_the_code_knows() -> None:
    assert newest(CORE) == [HEAD]


def test_the_migrations_make_the_tables_that_the_code_knows(any_url: str) -> None:
    database = Database(any_url)
    with database.read() as connection:
        assert differences(connection, CORE) == []
    database.close()


@pytest.mark.parametrize("name", known(MODULES))
def test_the_migrations_of_modules_make_their_tables(empty_url: str, clock: FakeClock, name: str) -> None:
    tables = load(MODULES, name, Module).tables()
    if tables is None:
        return
    store = Store.open(empty_url, clock, tables=[tables])
    store.migrate()
    with store.database.read() as connection:
        assert differences(connection, tables) == []
    store.close()


def test_a_database_of_a_newer_version_is_refused_and_left_alone(any_url: str, clock: FakeClock) -> None:
    store = Store.open(any_url, clock)
    store.users.add(user())
    database = Database(any_url)
    with database.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StoreError, match=r"newer version \(schema 9999\)"):
        store.migrate()
    with pytest.raises(StoreError, match="schema 9999, and this version needs 0006"):
        store.check()
    assert store.users.all() == [user()]
    store.close()
    database.close()


def test_check_refuses_a_database_that_is_empty(empty_url: str, clock: FakeClock) -> None:
    store = Store.open(empty_url, clock)
    if empty_url.startswith("sqlite"):
        create_engine(empty_url).connect().close()
    with pytest.raises(StoreError):
        store.check()
    store.close()


def test_check_makes_no_file(sqlite_url: str, tmp_path: Path, clock: FakeClock) -> None:
    store = Store.open(sqlite_url, clock)
    with pytest.raises(StoreError, match="unable to open"):
        store.check()
    with pytest.raises(StoreError, match="unable to open"):
        store.sessions.get(b"x")
    store.close()
    assert list(tmp_path.iterdir()) == []


def test_migrate_says_when_there_is_no_such_directory(tmp_path: Path, clock: FakeClock) -> None:
    store = Store.open(f"sqlite:///{tmp_path / 'no' / 'issuer.db'}", clock)
    with pytest.raises(StoreError, match="/no: No such file or directory"):
        store.migrate()
    store.close()
