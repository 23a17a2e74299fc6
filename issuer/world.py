"""What the gateway may not ask the interpreter for directly: the time and randomness.

Everything that needs one of them takes it as a parameter, so that a test can set the clock and
repeat a run exactly. A linter bans `time.time()`, `secrets` and the like everywhere else.
"""

import secrets
import time
from typing import Protocol


class Clock(Protocol):
    """Tells the time."""

    def now(self) -> float:
        """Return the wall-clock time, in seconds since 1970-01-01T00:00:00Z."""
        ...

    def monotonic(self) -> float:
        """Return seconds since an arbitrary moment; never goes back."""
        ...


class Randomness(Protocol):
    """Gives bytes that nobody can predict."""

    def bytes(self, count: int) -> bytes:
        """Return `count` random bytes, fit for keys and identifiers."""
        ...


class SystemClock:
    """The clock of this machine; what `Clock` says of its methods."""

    now = staticmethod(time.time)
    monotonic = staticmethod(time.monotonic)


class SystemRandomness:
    """The random generator of the operating system; what `Randomness` says of its method."""

    bytes = staticmethod(secrets.token_bytes)
