"""Every cell of the state machine's table."""

import pytest

from modules.livekit.delegation.engine.machine import begin, step
from modules.livekit.delegation.engine.model import (
    Absent,
    Action,
    Ending,
    Event,
    Failed,
    Found,
    Gone,
    Joined,
    Left,
    Phase,
    Replaced,
    Restarted,
    Resumed,
    Sent,
    State,
    Tick,
    Unknown,
)

NOW = 1_000_000.0
DELAY = 8.0
HOUR = 3600.0


def waiting(delay: float = DELAY, sanity: float = 0.0) -> State:
    state, actions = begin(delay, NOW, sanity)
    assert actions == (Action.LOOK,)
    return state


def connected(delay: float = DELAY, sanity: float = 0.0, sid: str = "PA_1") -> State:
    """A job that was connected at once, and restarted."""
    state, actions = step(waiting(delay, sanity), Joined(sid), NOW)
    assert actions == (Action.RESTART,)
    return step(state, Restarted(NOW), NOW)[0]


def disconnected(delay: float = DELAY) -> State:
    state, actions = step(left(delay), Absent(left(delay).look, 0.5), NOW)
    assert actions == (Action.SEND,)
    return state


def left(delay: float = DELAY) -> State:
    """A job whose participant left, as a webhook says."""
    state, actions = step(connected(delay), Left("PA_1"), NOW)
    assert actions == (Action.LOOK,)
    return state


def outcome(state: State, event: Event, now: float = NOW) -> tuple[Phase, Ending | None, tuple[Action, ...]]:
    after, actions = step(state, event, now)
    return after.phase, after.ending, actions


CONNECTS = (Phase.CONNECTED, None, (Action.RESTART,))
DISCONNECTS = (Phase.DISCONNECTED, None, (Action.SEND,))
ASKS = (Phase.DISCONNECTED, None, (Action.LOOK,))
DROPS = (Phase.ENDED, Ending.DROPPED, ())
DONE = (Phase.ENDED, Ending.SENT, ())
WAITS = (Phase.WAITING, None, ())
STAYS = (Phase.CONNECTED, None, ())
GOES_ON = (Phase.DISCONNECTED, None, ())


@pytest.mark.parametrize("event", [Joined("PA_1"), Joined(), Found(1, "PA_1"), Found(1)], ids=str)
def test_waiting_connects(event: Event) -> None:
    """Every cell of the table, replacement, independence of jobs, percent-encoding of `delay_id` (`../../x`,
    `a/b`, `%2F`, unicode), 404/429 with both hints/5xx/timeouts, unsigned, wrongly signed, replayed and
    altered webhooks, unknown event types, missing `participant` or `room`.
    """
    assert outcome(waiting(), event) == CONNECTS


def test_waiting_drops() -> None:
    """Every cell of the table, replacement, independence of jobs, percent-encoding of `delay_id` (`../../x`,
    `a/b`, `%2F`, unicode), 404/429 with both hints/5xx/timeouts, unsigned, wrongly signed, replayed and
    altered webhooks, unknown event types, missing `participant` or `room`.
    """
    assert outcome(waiting(), Left("PA_1")) == outcome(waiting(), Left()) == DROPS


@pytest.mark.parametrize(("delay", "limit"), [(8.0, 8.0), (HOUR, HOUR), (2 * HOUR, HOUR)])
def test_waiting_ends(delay: float, limit: float) -> None:
    """Every cell of the table, replacement, independence of jobs, percent-encoding of `delay_id` (`../../x`,
    `a/b`, `%2F`, unicode), 404/429 with both hints/5xx/timeouts, unsigned, wrongly signed, replayed and
    altered webhooks, unknown event types, missing `participant` or `room`.
    """
    state = waiting(delay)
    assert state.wakes_at == NOW + limit
    assert outcome(state, Tick(), NOW + limit - 0.001) == WAITS
    assert outcome(state, Tick(), NOW + limit) == DISCONNECTS


@pytest.mark.parametrize("luck", [0.0, 0.5, 1.0])
def test_waiting_looks_again_and_again(luck: float) -> None:
    state, now, gaps = waiting(2 * HOUR), NOW, []
    for number in range(14):
        answer = Absent(state.look, luck) if number % 2 else Unknown(state.look, luck)
        state, actions = step(state, answer, now)
        assert (state.phase, actions) == (Phase.WAITING, ())
        gaps.append(state.wakes_at - now)
        now = state.wakes_at
        state, actions = step(state, Tick(), now)
        assert actions == (Action.LOOK,)
    expected = [min(1.5**number * (0.5 + luck), 60.0) for number in range(14)]
    assert gaps == pytest.approx(expected)


def test_an_old_lookup_says_nothing() -> None:
    asked_before, _ = begin(DELAY, NOW)
    state, _ = step(asked_before, Joined("PA_1"), NOW)
    for event in (Absent(1, 0.5), Found(1, "PA_0"), Unknown(1, 0.5)):
        assert step(state, event, NOW) == (state, ())


@pytest.mark.parametrize("delay", [8.0, 18.0, 2 * HOUR])
def test_connected_restarts_every_80_percent(delay: float) -> None:
    """Every cell of the table, replacement, independence of jobs, percent-encoding of `delay_id` (`../../x`,
    `a/b`, `%2F`, unicode), 404/429 with both hints/5xx/timeouts, unsigned, wrongly signed, replayed and
    altered webhooks, unknown event types, missing `participant` or `room`.
    """
    state, now = connected(delay), NOW
    for _ in range(3):
        assert state.wakes_at == now + 0.8 * delay
        assert outcome(state, Tick(), state.wakes_at - 0.001) == STAYS
        now = state.wakes_at
        state, actions = step(state, Tick(), now)
        assert (state.phase, actions) == (Phase.CONNECTED, (Action.RESTART,))
        assert outcome(state, Tick(), now + 0.001) == STAYS  # one at a time
        state, actions = step(state, Restarted(now), now + 0.1)
        assert (state.phase, actions) == (Phase.CONNECTED, ())


def test_connected_drops_what_is_gone() -> None:
    """Every cell of the table, replacement, independence of jobs, percent-encoding of `delay_id` (`../../x`,
    `a/b`, `%2F`, unicode), 404/429 with both hints/5xx/timeouts, unsigned, wrongly signed, replayed and
    altered webhooks, unknown event types, missing `participant` or `room`.
    """
    assert outcome(connected(), Gone(Action.RESTART)) == DROPS


def test_connected_drops_what_no_restart_reached() -> None:
    """Every cell of the table, replacement, independence of jobs, percent-encoding of `delay_id` (`../../x`,
    `a/b`, `%2F`, unicode), 404/429 with both hints/5xx/timeouts, unsigned, wrongly signed, replayed and
    altered webhooks, unknown event types, missing `participant` or `room`.
    """
    state, now, tries = connected(), NOW, 0
    while state.phase is Phase.CONNECTED:
        now = state.wakes_at
        state, actions = step(state, Tick(), now)
        if actions:
            tries += 1
            assert now < NOW + DELAY
            state, _ = step(state, Failed(Action.RESTART, 0.5, 500), now)
    assert (state.ending, now) == (Ending.DROPPED, NOW + DELAY)
    assert tries >= 3
    # while a try is under way, too
    trying, _ = step(connected(), Tick(), NOW + 0.8 * DELAY)
    assert outcome(trying, Tick(), NOW + DELAY) == DROPS


@pytest.mark.parametrize("hint", [0.0, 0.7, 1.0, 30.0])
def test_a_hint_is_honoured(hint: float) -> None:
    now = NOW + 0.8 * DELAY
    state, _ = step(step(connected(), Tick(), now)[0], Failed(Action.RESTART, 0.5, 429, hint), now)
    assert state.call_due == now + hint
    state, _ = step(disconnected(), Failed(Action.SEND, 0.5, 429, hint), NOW)
    assert state.call_due == NOW + hint


@pytest.mark.parametrize("sid", ["PA_1", ""])
def test_connected_disconnects_when_the_participant_left(sid: str) -> None:
    """Every cell of the table, replacement, independence of jobs, percent-encoding of `delay_id` (`../../x`,
    `a/b`, `%2F`, unicode), 404/429 with both hints/5xx/timeouts, unsigned, wrongly signed, replayed and
    altered webhooks, unknown event types, missing `participant` or `room`.
    """
    assert outcome(connected(), Left(sid)) == ASKS
    assert outcome(connected(sid=""), Left(sid)) == ASKS
    assert outcome(left(), Absent(left().look, 0.5)) == DISCONNECTS


@pytest.mark.parametrize("event", [Joined("PA_2"), Joined(), Found(left().look, "PA_2")], ids=str)
def test_who_is_back_is_connected(event: Event) -> None:
    assert outcome(left(), event, NOW + 0.1) == CONNECTS


def test_a_leave_is_not_believed_before_the_sfu_says_so() -> None:
    state, now = left(), NOW
    for answer in (Unknown(state.look, 0.5), Found(state.look, "PA_1")):  # a failure; a ghost
        state, actions = step(state, answer, now)
        assert (state.phase, actions) == (Phase.DISCONNECTED, ())
        now = state.wakes_at
        state, actions = step(state, Tick(), now)
        assert actions == (Action.LOOK,)
    assert outcome(state, Absent(state.look, 0.5), now) == DISCONNECTS
    assert outcome(state, Tick(), NOW + DELAY) == GOES_ON  # the answer comes
    state, actions = step(state, Unknown(state.look, 0.5), NOW + DELAY)  # the homeserver has sent it
    assert (state.ending, actions) == (Ending.DROPPED, ())
    assert "the SFU did not say" in state.why


def test_a_leave_of_another_connection_is_ignored() -> None:
    state, _ = step(connected(), Joined("PA_2"), NOW)  # the same participant, anew
    assert step(state, Left("PA_1"), NOW) == (state, ())
    assert outcome(state, Left("PA_2")) == ASKS


def test_the_sanity_check() -> None:
    """Every cell of the table, replacement, independence of jobs, percent-encoding of `delay_id` (`../../x`,
    `a/b`, `%2F`, unicode), 404/429 with both hints/5xx/timeouts, unsigned, wrongly signed, replayed and
    altered webhooks, unknown event types, missing `participant` or `room`.
    """
    state = connected(sanity=3.0)
    assert state.wakes_at == NOW + 3.0
    state, actions = step(state, Tick(), NOW + 3.0)
    assert actions == (Action.LOOK,)
    assert outcome(state, Absent(state.look, 0.5), NOW + 3.1) == DISCONNECTS
    for harmless in (Unknown(state.look, 0.5), Found(state.look, "PA_1")):
        after, actions = step(state, harmless, NOW + 3.1)
        assert (after.phase, after.look_due, actions) == (Phase.CONNECTED, NOW + 6.1, ())
    # somebody who came anew meanwhile is not absent
    anew, _ = step(state, Joined("PA_2"), NOW + 3.05)
    assert outcome(anew, Absent(state.look, 0.5), NOW + 3.1) == STAYS
    # off
    assert connected(sanity=0.0).look_due is None


def test_disconnected_sends() -> None:
    """Every cell of the table, replacement, independence of jobs, percent-encoding of `delay_id` (`../../x`,
    `a/b`, `%2F`, unicode), 404/429 with both hints/5xx/timeouts, unsigned, wrongly signed, replayed and
    altered webhooks, unknown event types, missing `participant` or `room`.
    """
    state = disconnected()
    assert outcome(state, Sent()) == DONE
    assert outcome(state, Gone(Action.SEND)) == DONE
    assert outcome(state, Tick()) == GOES_ON
    for late in (Joined("PA_2"), Left("PA_1"), Restarted(NOW), Gone(Action.RESTART), Absent(1, 0.5)):
        assert outcome(state, late) == GOES_ON


@pytest.mark.parametrize(
    ("delay", "elapsed", "window"), [(8.0, 0, 8.0), (8.0, 7.9, 1.0), (9 * HOUR, 0, HOUR)]
)
def test_sends_are_tried_for_a_second_at_least_and_an_hour_at_most(
    delay: float, elapsed: float, window: float
) -> None:
    began = NOW + elapsed
    state, _ = step(connected(delay), Left(), began)
    state, _ = step(state, Absent(state.look, 0.5), began)
    now, last = began, began
    while state.phase is Phase.DISCONNECTED:
        state, _ = step(state, Failed(Action.SEND, 0.5, 502), now)
        if state.phase is Phase.DISCONNECTED:
            now = state.wakes_at
            state, actions = step(state, Tick(), now)
            last = now if actions else last
    assert state.ending is Ending.DROPPED
    assert last == now == began + window


def test_a_refusal_is_told_apart() -> None:
    sent, _ = step(disconnected(), Gone(Action.SEND), NOW)
    refused, _ = step(disconnected(), Failed(Action.SEND, 0.5, 403), NOW)
    after_that, _ = step(refused, Gone(Action.SEND), NOW)
    assert "status 403" not in sent.why
    assert "status 403" in after_that.why
    assert "never" in after_that.why


@pytest.mark.parametrize("state", [waiting(), connected(), disconnected()], ids=lambda state: state.phase)
def test_a_replaced_job_ends(state: State) -> None:
    """Every cell of the table, replacement, independence of jobs, percent-encoding of `delay_id` (`../../x`,
    `a/b`, `%2F`, unicode), 404/429 with both hints/5xx/timeouts, unsigned, wrongly signed, replayed and
    altered webhooks, unknown event types, missing `participant` or `room`.
    """
    assert outcome(state, Replaced()) == (Phase.ENDED, Ending.REPLACED, ())


def test_an_ended_job_does_nothing() -> None:
    ended, _ = step(waiting(), Left(), NOW)
    for event in (
        Tick(),
        Joined(),
        Left(),
        Found(9),
        Sent(),
        Resumed(),
        Replaced(),
        Failed(Action.SEND, 0.5),
    ):
        assert step(ended, event, NOW + 100) == (ended, ())
    assert ended.wakes_at == float("inf")
