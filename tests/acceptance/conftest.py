"""A running service, the demo, and a browser."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser import browser, open_page
from tests.service import Service, demo, free_port

__all__ = ["browser", "demo_addresses", "open_page", "service"]


@pytest.fixture
def service(tmp_path: Path, programs: None) -> Iterator[Service]:
    running = Service(tmp_path)
    running.add_users("dwho")
    running.start()
    yield running
    running.stop()


@pytest.fixture(scope="package")
def call_port() -> int:
    return free_port()


@pytest.fixture(scope="package")
def call_address(call_port: int) -> str:
    """The demo's call page."""
    return f"http://127.0.0.1:{call_port}"


@pytest.fixture(scope="package")
def demo_addresses(
    tmp_path_factory: pytest.TempPathFactory, call_port: int, programs: None
) -> Iterator[tuple[str, str]]:
    """The demo's portal and meeting page."""
    with demo(tmp_path_factory.mktemp("demo"), call_port) as addresses:
        yield addresses
