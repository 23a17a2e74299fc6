"""A clock that somebody sets: the time of day jumps, and the other one goes on."""

from issuer.world import SystemClock


class SetClock(SystemClock):
    """The clock of this machine, as far ahead as it was set."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def now(self) -> float:
        """Return the time of day, as it is set."""
        return SystemClock.now() + self.ahead

    def step(self, seconds: float) -> None:
        """Set it."""
        self.ahead += seconds
