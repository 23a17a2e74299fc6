"""A running service, the demo, and a browser."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser import browser, open_page
from tests.service import Service, demo

__all__ = ["browser", "demo_addresses", "open_page", "service"]


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    running = Service(tmp_path)
    running.add_users("dwho")
    running.start()
    yield running
    running.stop()


@pytest.fixture(scope="package")
def demo_addresses(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    with demo(tmp_path_factory.mktemp("demo")) as addresses:
        yield addresses
