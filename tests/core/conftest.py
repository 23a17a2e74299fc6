from collections.abc import Iterator

import pytest

from tests.gateway import build_gateway, gateway_templates
from tests.modules.livekit.conftest import homeserver, sfu
from tests.node import Node
from tests.upstream.fixtures import authority

__all__ = ["authority", "build_gateway", "gateway_templates", "homeserver", "sfu"]


@pytest.fixture(scope="session")
def node() -> Iterator[Node]:
    with Node() as running:
        yield running
