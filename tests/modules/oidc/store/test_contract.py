import pytest

from tests.modules.oidc.store.contract import OidcStoreContract


class TestSQLite(OidcStoreContract):
    @pytest.fixture
    def url(self, sqlite_url: str) -> str:
        return sqlite_url


class TestPostgreSQL(OidcStoreContract):
    @pytest.fixture
    def url(self, emptied_postgresql_url: str) -> str:
        return emptied_postgresql_url
