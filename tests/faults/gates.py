"""Gates: a call that stands still until the test lets it go on."""

import threading
from collections.abc import Callable
from typing import Any

PATIENCE = 60.0


class Gate:
    """Stops whoever calls a wrapped function; closed until it is opened."""

    def __init__(self) -> None:
        self._reached = threading.Event()
        self._open = threading.Event()

    def before(self, work: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function that stands still first."""

        def gated(*args: Any, **options: Any) -> Any:
            self.stand()
            return work(*args, **options)

        return gated

    def after(self, work: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function that stands still when its work is done, and returns then."""

        def gated(*args: Any, **options: Any) -> Any:
            result = work(*args, **options)
            self.stand()
            return result

        return gated

    def stand(self) -> None:
        """Stand still until the gate is opened."""
        self._reached.set()
        assert self._open.wait(PATIENCE), "nobody opened the gate"

    def wait_for_somebody(self) -> None:
        """Return when somebody stands at the gate."""
        assert self._reached.wait(PATIENCE), "nobody came to the gate"

    def open(self) -> None:
        """Let everybody through, from now on."""
        self._open.set()
