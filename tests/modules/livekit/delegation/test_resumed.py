"""Jobs that somebody else ran, and the times that others wrote."""

from dataclasses import replace

import pytest

from modules.livekit.delegation.engine.machine import begin, step
from modules.livekit.delegation.engine.model import Action, Found, Phase, Restarted, Resumed, State
from tests.modules.livekit.delegation.test_machine import (
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
    assert resumed.wakes_at == NOW + 0.8 * DELAY


class TestResumed:
    """A job that another worker ran, of which only phase, times and sid are known."""

    def test_waiting(self) -> None:
        state = replace(waiting(), look=0)
        after, actions = step(state, Resumed(), NOW + 1)
        assert (after.phase, actions) == (Phase.WAITING, (Action.LOOK,))
        assert after.phase_ends == NOW + DELAY

    def test_connected(self) -> None:
        state = State(Phase.CONNECTED, DELAY, NOW, NOW, sid="PA_1")
        early, actions = step(state, Resumed(), NOW + 1)
        assert (early.wakes_at, actions) == (NOW + 0.8 * DELAY, ())
        assert outcome(state, Resumed(), NOW + 7) == (Phase.CONNECTED, None, (Action.RESTART,))

    def test_disconnected(self) -> None:
        state = State(Phase.DISCONNECTED, DELAY, NOW, NOW)
        assert outcome(state, Resumed(), NOW + 1) == DISCONNECTS

    @pytest.mark.parametrize("phase", [Phase.WAITING, Phase.CONNECTED, Phase.DISCONNECTED])
    def test_too_late(self, phase: Phase) -> None:
        assert outcome(State(phase, DELAY, NOW, NOW), Resumed(), NOW + DELAY) == DROPS
