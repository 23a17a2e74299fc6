"""A clock that stands still until it is told, and randomness that repeats."""

from issuer.testing.fakes import FakeClock, FakeRandomness

__all__ = ["FakeClock", "FakeRandomness"]
