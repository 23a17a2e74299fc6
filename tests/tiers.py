"""Which tests `make check` leaves out: those that start another program, and a few slow ones.

A server, a browser, `openssl`: a test that starts a program bears the mark `server`. It has it without being
told when a fixture that it uses, however far away, asks for the fixture `programs`: every fixture that starts
one does. A test that starts one itself says `@pytest.mark.server`. Nobody has to remember either: without the
mark no program is started, but for another Python, which is there whatever Debian has.
"""

import sys
from collections.abc import Iterator
from typing import Any

import pytest

EVENTS = {"os.fork", "os.posix_spawn", "os.system", "subprocess.Popen"}


class Programs:
    """Refuses to start programs while a test runs that lacks the mark `server`."""

    def __init__(self) -> None:
        self._test: str | None = None
        sys.addaudithook(self._audit)

    def _audit(self, event: str, what: tuple[Any, ...]) -> None:
        if event in EVENTS and self._test and what[:1] != (sys.executable,):
            pytest.fail(
                f"{self._test} starts a program: it needs the mark `server`, or its fixture `programs`"
            )

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Mark what uses a fixture that starts a program."""
        for item in items:
            if "programs" in getattr(item, "fixturenames", ()):
                item.add_marker("server")

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        """Know whose program it would be."""
        self._test = None if item.get_closest_marker("server") else item.nodeid
        try:
            return (yield)
        finally:
            self._test = None


@pytest.fixture(scope="session")
def programs() -> None:
    """Asked for by whatever starts a program: then its tests have the mark `server`."""
