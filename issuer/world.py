"""What the gateway may not ask the interpreter for directly: the time and randomness.

Everything that needs one of them takes it as a parameter, so that a test can set the clock and
repeat a run exactly. A linter bans `time.time()`, `secrets` and the like everywhere else.
"""

import secrets
import time
from typing import Protocol

NOTABLE = 0.01
"""Seconds by which the wall clock must be elsewhere to have been set: less is what it takes to look."""


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


class SteadyClock:
    """A clock that begins with the wall clock and then only runs: nobody who sets that one moves it.

    For what is remembered in this process. What others read is said in the time of the wall clock: `drift`.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._offset = clock.now() - clock.monotonic()
        self._drift = 0.0
        self.monotonic = clock.monotonic

    def now(self) -> float:
        """Return the time; never goes back, and never jumps."""
        return self._clock.monotonic() + self._offset

    def drift(self) -> float:
        """Return by how many seconds the wall clock is ahead of this one; the same until it was set."""
        before = self.now()
        wall, after = self._clock.now(), self.now()
        was_held_up = after - before > NOTABLE  # between the two clocks: the difference says nothing
        if abs(wall - after - self._drift) > NOTABLE and not was_held_up:
            self._drift = wall - after
        return self._drift
