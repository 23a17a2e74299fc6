"""A clock that only runs, and how far the wall clock is ahead of it."""

from collections.abc import Iterator

from issuer.world import SteadyClock
from tests.fakes import FakeClock


def test_it_runs_whoever_sets_the_wall_clock() -> None:
    clock = FakeClock()
    steady = SteadyClock(clock)
    began = steady.now()
    assert began == clock.now()
    clock.advance(10.0)
    clock.step(-3600.0)
    assert steady.now() - began == 10.0
    assert steady.drift() == -3600.0
    clock.step(3600.0)
    assert steady.drift() == 0.0


def test_what_a_look_takes_is_no_step() -> None:
    clock = FakeClock()
    steady = SteadyClock(clock)
    clock.step(0.005)
    assert steady.drift() == 0.0
    clock.step(0.01)
    assert 0.01 < steady.drift() < 0.02


class HeldUp(FakeClock):
    """Whoever looks at its wall clock is held up after it."""

    pauses: Iterator[float] = iter(())

    def now(self) -> float:
        now = super().now()
        self.advance(next(self.pauses, 0.0))
        return now


def test_whoever_was_held_up_between_two_looks_sees_no_step() -> None:
    clock = HeldUp()
    steady = SteadyClock(clock)
    clock.pauses = iter([3.0])
    assert steady.drift() == 0.0
    assert steady.drift() == 0.0
