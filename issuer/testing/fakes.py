"""A clock that stands still until it is told, and randomness that repeats."""

import hashlib


class FakeClock:
    """Stands still; `advance` moves it, `step` sets the time of day alone."""

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self.time = now
        self.ahead = 0.0

    def now(self) -> float:
        """Return the time."""
        return self.time + self.ahead

    def monotonic(self) -> float:
        """Return the time."""
        return self.time

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.time += seconds

    def step(self, seconds: float) -> None:
        """Set the time of day, by so many seconds."""
        self.ahead += seconds


class FakeRandomness:
    """Gives the same bytes in every run, and other bytes with every call."""

    def __init__(self, seed: str = "seed") -> None:
        self.seed = seed
        self.calls = 0

    def bytes(self, count: int) -> bytes:
        """Return the next bytes."""
        self.calls += 1
        return hashlib.shake_256(f"{self.seed}:{self.calls}".encode()).digest(count)
