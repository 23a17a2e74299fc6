"""One server behind the proxy for all tests of a module."""

from collections.abc import Iterator

import pytest

from tests.faults.house import House
from tests.faults.proxy import Proxy
from tests.modules.livekit.delegation.homeserver import DelayingHomeserver
from tests.modules.livekit.sfu import Sfu
from tests.postgresql import PostgreSQL, postgresql
from tests.upstream.authority import Authority

__all__ = ["postgresql"]


@pytest.fixture(scope="module")
def servers(authority: Authority) -> Iterator[tuple[DelayingHomeserver, Sfu, Authority]]:
    homeserver, sfu = DelayingHomeserver(authority), Sfu()
    yield homeserver, sfu, authority
    sfu.close()
    homeserver.close()


@pytest.fixture(scope="module")
def proxy(postgresql: PostgreSQL) -> Iterator[Proxy]:
    proxy = Proxy(postgresql.directory)
    yield proxy
    proxy.close()


@pytest.fixture(scope="module")
def house(
    tmp_path_factory: pytest.TempPathFactory,
    postgresql: PostgreSQL,
    proxy: Proxy,
    servers: tuple[DelayingHomeserver, Sfu, Authority],
) -> Iterator[House]:
    house = House(tmp_path_factory.mktemp("house"), proxy.url(postgresql.create_database()), servers)
    house.shell.parts.store.migrate()
    house.start()
    yield house
    house.stop()
    house.shell.parts.store.close()
