"""What every store keeps to with the module's tables, as `tests/store/contract.py` has it for the core's.

A subclass gives the fixture `url`: an empty or migrated database. See `test_contract.py`.
"""

from collections.abc import Iterator

import pytest
from sqlalchemy import func, select

from issuer.store import Store
from modules.oidc.store.clients import StoredClients
from modules.oidc.store.consents import Consents
from modules.oidc.store.devices import Devices
from modules.oidc.store.grants import Grants
from modules.oidc.store.logouts import Logouts
from modules.oidc.store.once import Once, RevokedTokens
from modules.oidc.store.pushed import Pushed, PushedRequests
from modules.oidc.store.tables import EXPIRING, TABLES
from tests.fakes import FakeClock
from tests.modules.oidc.store.contract_clients import (
    ClientsContract,
    LogoutsContract,
    OnceContract,
    PushedContract,
)
from tests.modules.oidc.store.contract_grants import CodesContract, GrantsContract, RefreshTokensContract
from tests.modules.oidc.store.contract_people import ConsentsContract, DevicesContract
from tests.modules.oidc.store.samples import add_refresh_token, consent, device, grant
from tests.store.samples import NOW, id_hash, identity


class StoreFixture:
    @pytest.fixture
    def store(self, url: str, clock: FakeClock) -> Iterator[Store]:
        store = Store.open(url, clock, tables=[TABLES])
        store.migrate()
        yield store
        store.close()


def fill(store: Store, clock: FakeClock, name: str, end: float) -> None:
    """Add one row that ends then to every table whose rows end."""
    database = store.database
    Grants(database, clock).add(grant(name, expires_at=end))
    add_refresh_token(store, f"grant-{name}", id_hash(f"refresh {name}"), end)
    RevokedTokens(database).add(name, end)
    Consents(database, clock, "oidc").give(identity(), consent(name, expires_at=end))
    Once(database).use(name, end)
    PushedRequests(database, clock).add(id_hash(name), Pushed("wiki", []), end)
    Devices(database, clock, "oidc").add(device(name, expires_at=end), id_hash(f"user {name}"))
    Logouts(database, clock, "oidc").add(name, f"grant-{name}", end)


def counts(store: Store) -> list[int]:
    with store.database.read() as connection:
        return [connection.scalar(select(func.count()).select_from(table)) or 0 for table in EXPIRING]


class UpkeepContract:
    def test_purge_takes_what_has_expired_from_every_table(self, store: Store, clock: FakeClock) -> None:
        StoredClients(store.database, clock, "oidc").add("notes", "{}", None)
        for number in range(3):
            fill(store, clock, f"row{number}", NOW + number * 100)
        assert counts(store) == [3] * len(EXPIRING)
        clock.advance(100)
        while store.purge(limit=3):
            pass
        assert counts(store) == [1] * len(EXPIRING)
        assert Grants(store.database, clock).get("grant-row2")
        assert StoredClients(store.database, clock, "oidc").get("notes")


class OidcStoreContract(
    StoreFixture,
    GrantsContract,
    CodesContract,
    RefreshTokensContract,
    ConsentsContract,
    DevicesContract,
    ClientsContract,
    PushedContract,
    OnceContract,
    LogoutsContract,
    UpkeepContract,
):
    """Everything."""
