from collections.abc import Iterator

import pytest

from tests.node import Node


@pytest.fixture(scope="session")
def node() -> Iterator[Node]:
    with Node() as running:
        yield running
