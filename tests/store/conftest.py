from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from issuer.store import Store
from issuer.store.tables import metadata
from tests.fakes import FakeClock
from tests.postgresql import DATABASES, PostgreSQL


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'issuer.db'}"


@pytest.fixture
def postgresql_url(postgresql: PostgreSQL) -> Iterator[str]:
    name = postgresql.create_database()
    yield postgresql.url(name)
    postgresql.drop_database(name)


@pytest.fixture(scope="session")
def shared_postgresql_url(postgresql: PostgreSQL) -> str:
    """Give a migrated database that tests take turns at: making one for each takes half a second."""
    url = postgresql.url(postgresql.create_database())
    store = Store.open(url, FakeClock())
    store.migrate()
    store.close()
    return url


@pytest.fixture
def emptied_postgresql_url(shared_postgresql_url: str) -> str:
    with psycopg.connect(shared_postgresql_url) as connection:
        for table in metadata.tables:
            connection.execute(f"DELETE FROM {table}".encode())
    return shared_postgresql_url


@pytest.fixture(params=DATABASES)
def empty_url(request: pytest.FixtureRequest) -> str:
    """Give the URL of an empty database, of each kind in turn."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture
def any_url(empty_url: str, clock: FakeClock) -> str:
    """Give the URL of a migrated database, of each kind in turn."""
    store = Store.open(empty_url, clock)
    store.migrate()
    store.close()
    return empty_url
