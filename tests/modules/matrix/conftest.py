"""A real homeserver with rooms, and gateways that ask it."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.gateway import BuildGateway
from tests.modules.matrix.calls import API_TOKEN, Caller, section
from tests.modules.matrix.homeserver import Homeserver, Rooms, build_rooms
from tests.modules.matrix.prosody_fixtures import prosody, prosody_api, prosody_home, prosody_server, told
from tests.modules.matrix.stub import ADMIN_TOKEN, Home
from tests.synapse import Synapse
from tests.upstream.authority import Authority
from tests.upstream.fixtures import build_stub

__all__ = ["build_stub", "prosody", "prosody_api", "prosody_home", "prosody_server", "told"]

BuildCaller = Callable[..., Caller]
BuildStubbed = Callable[..., Caller]


@pytest.fixture(scope="session")
def home(synapse: Synapse) -> Homeserver:
    return Homeserver(synapse)


@pytest.fixture(scope="session")
def rooms(home: Homeserver) -> Rooms:
    return build_rooms(home)


@pytest.fixture
def build_caller(build_gateway: BuildGateway, authority: Authority) -> BuildCaller:
    """Builds a gateway with one instance, whose homeservers are Synapses or a table of sections."""

    def build(
        *homes: Homeserver,
        matrix: dict[str, Any] | None = None,
        connect_timeout: str = "1s",
        **changes: Any,
    ) -> Caller:
        sections = {home.synapse.name: section(home) for home in homes}
        data = {
            "matrix": {"homeservers": sections, **(matrix or {})},
            "modules": {"matrix": _present({"api_token": API_TOKEN, **changes})},
            "upstream": {"ca_file": str(authority.path), "connect_timeout": connect_timeout},
        }
        return Caller(build_gateway(data, keys=()))

    return build


@pytest.fixture
def stubbed(authority: Authority) -> Iterator[Home]:
    home = Home(authority)
    yield home
    home.close()


@pytest.fixture
def build_stubbed(build_caller: BuildCaller, stubbed: Home) -> BuildStubbed:
    """The same with a homeserver that answers as it is told: `build_stubbed(rule="deny", cache="1s")`."""

    def build(cache: str | int = "10s", **changes: Any) -> Caller:
        server = {"url": stubbed.url, "access_token": ADMIN_TOKEN}
        matrix = {"homeservers": {stubbed.name: server}, "membership_cache": cache}
        return build_caller(matrix=matrix, **changes)

    return build


def _present(options: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}
