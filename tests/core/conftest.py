from collections.abc import Iterator

import pytest

from tests.gateway import build_gateway, gateway_templates
from tests.node import Node

__all__ = ["build_gateway", "gateway_templates"]


@pytest.fixture(scope="session")
def node() -> Iterator[Node]:
    with Node() as running:
        yield running
