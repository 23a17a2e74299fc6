"""A stub homeserver, a stub SFU, and a gateway between them."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from tests.gateway import BuildGateway
from tests.modules.livekit.calls import Call, Homeserver, options, upstream_options
from tests.modules.livekit.sfu import Sfu
from tests.upstream.authority import Authority
from tests.upstream.fixtures import build_stub

__all__ = ["build_stub"]

BuildCall = Callable[..., Call]


@pytest.fixture
def homeserver(authority: Authority) -> Iterator[Homeserver]:
    server = Homeserver(authority)
    yield server
    server.close()


@pytest.fixture
def sfu() -> Iterator[Sfu]:
    server = Sfu()
    yield server
    server.close()


@pytest.fixture
def build_call(
    build_gateway: BuildGateway, authority: Authority, homeserver: Homeserver, sfu: Sfu
) -> BuildCall:
    """Builds a gateway with one instance: `build_call(rule="0", upstream={...})`."""

    def build(upstream: Mapping[str, Any] | None = None, **changes: Any) -> Call:
        data = {
            "modules": {"livekit": options(homeserver, sfu, **changes)},
            "upstream": upstream_options(authority, **(upstream or {})),
        }
        return Call(build_gateway(data, keys=()), homeserver, sfu)

    return build


@pytest.fixture
def call(build_call: BuildCall) -> Call:
    return build_call()
