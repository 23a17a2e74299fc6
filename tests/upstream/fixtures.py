"""Fixtures of everything that calls other servers; import them in a conftest (`authority` is there)."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from issuer.upstream import Upstream, UpstreamSettings
from issuer.upstream.pools import Lookup
from issuer.world import SystemClock
from tests.upstream.authority import Authority
from tests.upstream.connects import Connects
from tests.upstream.names import Addresses, NameServer
from tests.upstream.stub import Reply, Stub

BuildUpstream = Callable[..., Upstream]
BuildStub = Callable[..., Stub]


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session")
def connects() -> Connects:
    return Connects()


@pytest.fixture
def addresses() -> Addresses:
    return Addresses()


@pytest.fixture
def name_server() -> Iterator[NameServer]:
    server = NameServer()
    yield server
    server.close()


@pytest.fixture
def build_upstream(authority: Authority, addresses: Addresses) -> Iterator[BuildUpstream]:
    """Builds an `Upstream` that trusts the authority and asks `addresses`; options are its section's."""
    built: list[Upstream] = []

    def build(threads: int = 16, lookup: Lookup = addresses.lookup, **options: Any) -> Upstream:
        settings = UpstreamSettings(**{"ca_file": authority.path, **options})
        built.append(Upstream(settings, SystemClock(), threads, lookup=lookup))
        return built[-1]

    yield build
    for upstream in built:
        upstream.stop()


@pytest.fixture
def build_stub(authority: Authority) -> Iterator[BuildStub]:
    """Builds a server: `build_stub(answering, names=("example.org",))`; without names it has no TLS."""
    built: list[Stub] = []

    def build(answering: Any = None, names: tuple[str, ...] = (), **options: Any) -> Stub:
        tls = authority.server(*names) if names else None
        built.append(Stub(answering or (lambda _: Reply()), tls, **options))
        return built[-1]

    yield build
    for stub in built:
        stub.close()
