"""One server behind the proxy for all tests of a module."""

import sys
from collections.abc import Iterator
from contextlib import closing

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
    with closing(Proxy(postgresql.directory)) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def dying_house(
    tmp_path_factory: pytest.TempPathFactory,
    servers: tuple[DelayingHomeserver, Sfu, Authority],
    programs: None,
) -> Iterator[House]:
    """A server on SQLite, whose processes die at the commits that `tests.faults.dying` is told."""
    folder = tmp_path_factory.mktemp("house")
    house = House(folder, f"sqlite:///{folder}/issuer.db", servers)
    house.command = [sys.executable, "-m", "tests.faults.dying", str(folder)]
    house.shell.parts.store.migrate()
    house.start()
    yield house
    house.stop()
    house.shell.parts.store.close()


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
