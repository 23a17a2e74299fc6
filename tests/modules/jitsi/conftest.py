"""A node process, the application, and a browser."""

from collections.abc import Iterator

import pytest

from tests.browser import browser, open_page
from tests.gateway import build_gateway, gateway_templates
from tests.node import Node

__all__ = ["browser", "build_gateway", "gateway_templates", "node", "open_page"]


@pytest.fixture(scope="session")
def node() -> Iterator[Node]:
    with Node() as running:
        yield running
