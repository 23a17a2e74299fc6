"""A real provider for all tests of a process."""

from collections.abc import Iterator

import pytest

from tests.openid.provider import Provider


@pytest.fixture(scope="session")
def provider(programs: None) -> Iterator[Provider]:
    running = Provider()
    yield running
    running.stop()
