"""Tables that a module brings, with migrations of their own."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from sqlalchemy import Column, ColumnElement, Double, MetaData, Table, Text, insert, select, update

from issuer.store import Store, StoreError, Tables
from issuer.store.tables import NAMING
from issuer.testing.tables import differences, newest
from tests.fakes import FakeClock
from tests.store.samples import user

METADATA = MetaData(naming_convention=NAMING)
NOTES = Table(
    "notes_pages",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("expires_at", Double, nullable=False, index=True),
)
FIRST = """\
import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade():
    op.create_table(
        "notes_pages",
        sa.Column("id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_notes_pages"),
    )
"""
SECOND = """\
import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade():
    op.add_column("notes_pages", sa.Column("expires_at", sa.Double(), nullable=False))
    op.create_index("ix_notes_pages_expires_at", "notes_pages", ["expires_at"])
"""


def expired(now: float) -> Mapping[Table, ColumnElement[bool]]:
    return {NOTES: NOTES.c.expires_at <= now}


@pytest.fixture
def notes(tmp_path: Path) -> Tables:
    folder = tmp_path / "odd: 100% ü"
    folder.mkdir()
    (folder / "0001_pages.py").write_text(FIRST)
    (folder / "0002_times.py").write_text(SECOND)
    return Tables("notes", METADATA, folder, "0002", expired)


def opened(url: str, clock: FakeClock, *tables: Tables) -> Store:
    store = Store.open(url, clock, tables=tables)
    store.migrate()
    store.check()
    return store


def test_a_module_has_tables(empty_url: str, clock: FakeClock, notes: Tables) -> None:
    store = opened(empty_url, clock, notes)
    assert newest(notes) == [notes.head]
    with store.database.read() as connection:
        assert differences(connection, notes) == []
    with store.database.write() as connection:
        rows = [{"id": "old", "expires_at": clock.now()}, {"id": "new", "expires_at": clock.now() + 1}]
        connection.execute(insert(NOTES), rows)
    assert store.purge() == 1
    with store.database.read() as connection:
        assert list(connection.scalars(select(NOTES.c.id))) == ["new"]
    store.close()


def test_a_module_comes_and_goes(empty_url: str, clock: FakeClock, notes: Tables) -> None:
    store = opened(empty_url, clock)
    store.users.add(user())
    store.close()
    store = opened(empty_url, clock, notes)
    with store.database.write() as connection:
        connection.execute(insert(NOTES), {"id": "a", "expires_at": 0.0})
    store.close()
    opened(empty_url, clock).close()
    store = opened(empty_url, clock, notes)
    assert store.purge() == 1
    assert store.users.all() == [user()]
    store.close()


def test_a_store_without_the_tables_is_not_ready(any_url: str, clock: FakeClock, notes: Tables) -> None:
    store = Store.open(any_url, clock, tables=[notes])
    with pytest.raises(StoreError, match="has schema none, and this version needs notes 0002"):
        store.check()
    store.close()


def test_tables_of_a_newer_version_are_refused(empty_url: str, clock: FakeClock, notes: Tables) -> None:
    store = opened(empty_url, clock, notes)
    with store.database.write() as connection:
        versions = Table(notes.version_table, MetaData(), Column("version_num", Text))
        connection.execute(update(versions).values(version_num="9999"))
    with pytest.raises(StoreError, match=r"newer version \(schema notes 9999\)"):
        store.migrate()
    with pytest.raises(StoreError, match="schema notes 9999, and this version needs notes 0002"):
        store.check()
    store.close()


def test_a_migration_that_fails_leaves_nothing(empty_url: str, clock: FakeClock, notes: Tables) -> None:
    (notes.migrations / "0002_times.py").write_text(SECOND.replace("op.create_index", "op.no_such_thing"))
    store = Store.open(empty_url, clock, tables=[notes])
    with pytest.raises(AttributeError):
        store.migrate()
    with pytest.raises(StoreError, match="schema none, and this version needs 0"):
        store.check()
    store.close()
