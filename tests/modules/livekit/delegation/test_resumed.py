"""Jobs that somebody else ran, and the times that others wrote."""

from dataclasses import replace

import pytest

from modules.livekit.delegation.engine.machine import begin, step
from modules.livekit.delegation.engine.model import (
    Absent,
    Action,
    Failed,
    Found,
    Gone,
    Phase,
    Restarted,
    Resumed,
    State,
    Tick,
)
from tests.modules.livekit.delegation.test_machine import (
    ASKS,
    DELAY,
    DISCONNECTS,
    DROPS,
    NOW,
    connected,
    outcome,
    waiting,
)


@pytest.mark.parametrize("ahead", [5.0, 1e11])
def test_a_restart_ahead_of_our_clock_counts_as_now(ahead: float) -> None:
    begun, _ = begin(DELAY, NOW, restarted_at=NOW + ahead)
    resumed, _ = step(State(Phase.CONNECTED, DELAY, NOW, NOW + ahead), Resumed(), NOW)
    set_back = replace(connected(), restarted_at=NOW + ahead)
    for state in (step(begun, Found(1), NOW)[0], resumed, set_back):
        after, _ = step(state, Restarted(NOW + 0.1), NOW + 0.2)
        assert (after.restarted_at, after.call_due) == (NOW + 0.1, NOW + 0.1 + 0.8 * DELAY)
    assert resumed.deadline == NOW + DELAY


class TestResumed:
    """A job that another worker ran, of which only phase, times and sid are known."""

    def test_waiting(self) -> None:
        state = replace(waiting(), look=0)
        after, actions = step(state, Resumed(), NOW + 1)
        assert (after.phase, actions) == (Phase.WAITING, (Action.LOOK,))
        assert after.phase_ends == NOW + DELAY

    @pytest.mark.parametrize("age", [1.0, 7.0])
    def test_connected(self, age: float) -> None:
        """How long ago it was restarted is not certain: so it is restarted at once."""
        state = State(Phase.CONNECTED, DELAY, NOW, NOW, sid="PA_1")
        after, actions = step(state, Resumed(), NOW + age)
        assert (after.wakes_at, actions) == (NOW + DELAY, (Action.RESTART,))

    def test_disconnected(self) -> None:
        state = State(Phase.DISCONNECTED, DELAY, NOW, NOW)
        assert outcome(state, Resumed(), NOW + 1) == ASKS


@pytest.mark.parametrize("late", [DELAY, 3600.0])
class TestTooLate:
    """By the clock of whoever ran it before the time is up: the homeserver is asked whether that is so."""

    def test_who_is_waited_for_is_waited_for_anew(self, late: float) -> None:
        after, actions = step(replace(waiting(), look=0), Resumed(), NOW + late)
        assert (after.phase, after.phase_ends, actions) == (
            Phase.WAITING,
            NOW + late + DELAY,
            (Action.LOOK,),
        )

    def test_who_is_there_is_restarted_before_anything_is_dropped(self, late: float) -> None:
        after, actions = step(State(Phase.CONNECTED, DELAY, NOW, NOW), Resumed(), NOW + late)
        assert (after.phase, actions) == (Phase.CONNECTED, (Action.RESTART,))
        assert outcome(after, Gone(Action.RESTART), NOW + late + 0.1) == DROPS
        kept, _ = step(after, Restarted(NOW + late), NOW + late + 0.1)
        assert (kept.phase, kept.deadline) == (Phase.CONNECTED, NOW + late + DELAY)
        failed, _ = step(after, Failed(Action.RESTART, 0.5), NOW + late + 0.1)
        again, actions = step(failed, Tick(), failed.wakes_at)
        assert actions == (Action.RESTART,), "there is a second chance"
        assert outcome(again, Tick(), again.deadline) == DROPS

    def test_the_event_of_who_left_is_sent(self, late: float) -> None:
        """When the SFU says that they are not back."""
        state, actions = step(State(Phase.DISCONNECTED, DELAY, NOW, NOW), Resumed(), NOW + late)
        assert actions == (Action.LOOK,)
        assert outcome(state, Absent(state.look, 0.5), NOW + late) == DISCONNECTS


def test_a_restart_that_nobody_was_there_to_try_is_tried() -> None:
    """The process stood still: its timer comes after the deadline."""
    state = replace(connected(), call_due=NOW + 0.8 * DELAY)
    after, actions = step(state, Tick(), NOW + 2 * DELAY)
    assert (after.phase, actions) == (Phase.CONNECTED, (Action.RESTART,))
    assert outcome(after, Gone(Action.RESTART), NOW + 2 * DELAY) == DROPS
    assert outcome(after, Tick(), after.deadline) == DROPS, "once"
