import shutil
from pathlib import Path

import psycopg
import pytest

from issuer.store import Store
from modules.oidc.store.tables import TABLES, metadata
from tests.fakes import FakeClock
from tests.gateway import Templates
from tests.postgresql import PostgreSQL


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def sqlite_url(tmp_path: Path, gateway_templates: Templates) -> str:
    """A copy of a migrated database."""
    file = shutil.copy(gateway_templates.database, tmp_path / "issuer.db")
    return f"sqlite:///{file}"


@pytest.fixture(scope="session")
def shared_postgresql_url(postgresql: PostgreSQL) -> str:
    """A migrated database that tests take turns at: making one for each takes half a second."""
    url = postgresql.url(postgresql.create_database())
    store = Store.open(url, FakeClock(), tables=[TABLES])
    store.migrate()
    store.close()
    return url


@pytest.fixture
def emptied_postgresql_url(shared_postgresql_url: str) -> str:
    with psycopg.connect(shared_postgresql_url) as connection:
        for table in metadata.tables:
            connection.execute(f"DELETE FROM {table}".encode())
    return shared_postgresql_url
