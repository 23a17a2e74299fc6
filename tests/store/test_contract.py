import pytest

from tests.store.contract import StoreContract


class TestSQLite(StoreContract):
    @pytest.fixture
    def url(self, sqlite_url: str) -> str:
        return sqlite_url


class TestPostgreSQL(StoreContract):
    @pytest.fixture
    def url(self, emptied_postgresql_url: str) -> str:
        return emptied_postgresql_url
