"""The state machine of a job: a pure function from (state, event, now) to (state, actions).

It knows no clock, no network and no database. docs/livekit.md has a drawing.
"""

from dataclasses import replace

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
    Step,
    Tick,
    Unknown,
)

HEARTBEAT = 0.8
"""A restart follows the last one after this share of the delay."""
FIRST_PAUSE = 1.0
GROWTH = 1.5
LONGEST_PAUSE = 60.0
MOST_TRIES = 30
"""Failures after which a pause does not grow any more; far beyond the longest pause."""
GHOST_PAUSE = 0.2
"""Seconds until the SFU is asked again when it has somebody of whom it just said that they left."""
LAST_CHANCE = 0.25
"""Seconds before the deadline at which a restart is tried once more, whatever the pause would be."""


def begin(timeout: float, now: float, sanity: float = 0.0, restarted_at: float | None = None) -> Step:
    """Return a new job, and the lookup that it begins with.

    Args:
        timeout: the delay of the event, in seconds.
        now: the time.
        sanity: seconds between two sanity checks; 0 for none.
        restarted_at: the last restart, for a job that somebody else began; at most now.
    """
    last = now if restarted_at is None else min(restarted_at, now)
    state = State(Phase.WAITING, timeout, now, last, sanity, look=1, why="asked for")
    return state, (Action.LOOK,)


def step(state: State, event: Event, now: float) -> Step:
    """Return what an event makes of a job, and what is to be done."""
    match event:
        case _ if state.phase is Phase.ENDED:
            return state, ()
        case Tick():
            return _tick(state, now)
        case Replaced():
            return _ended(state, Ending.REPLACED, "the client handed another event over", now)
        case Resumed():
            return _resume(state, now)
    by_phase = {
        Phase.WAITING: _waiting,
        Phase.CONNECTED: _connected,
        Phase.DISCONNECTED: _disconnected,
    }
    return by_phase[state.phase](state, event, now)


def dropped(state: State, why: str, now: float) -> State:
    """Return a job that is given up, for a reason that is none of the machine's."""
    return _ended(state, Ending.DROPPED, why, now)[0]


def _resume(state: State, now: float) -> Step:
    """Go on with a job of somebody else, whose times may be those of a clock that was wrong, or set since.

    So nothing is given up by them alone: the homeserver knows whether it is too late.
    """
    is_late = now >= state.deadline
    state = replace(state, since=min(state.since, now), restarted_at=min(state.restarted_at, now))
    state = replace(state, look=state.look + 1, look_due=None, call_due=None)
    match state.phase:
        case Phase.WAITING:
            return replace(state, since=now, restarted_at=now) if is_late else state, (Action.LOOK,)
        case Phase.CONNECTED:
            return _checked(_late(state, now) if is_late else state, now), (Action.RESTART,)
        case _:
            return _ask(state), (Action.LOOK,)


def _late(state: State, now: float) -> State:
    """Return a job that is restarted late, with the time that a restart has that is due."""
    return replace(state, restarted_at=now - HEARTBEAT * state.timeout)


def _tick(state: State, now: float) -> Step:
    is_over = now >= state.phase_ends
    match state.phase:
        case Phase.WAITING if is_over:
            return _enter_disconnected(state, "the participant never came", now)
        case Phase.WAITING:
            return _look(state, now)
        case Phase.CONNECTED if is_over:
            return _over(state, now)
        case Phase.CONNECTED:
            state, looking = _look(state, now)
            state, calling = _call(state, Action.RESTART, now)
            return state, looking + calling
    due = state.look_due if state.is_asking else state.call_due
    if is_over and due is not None and now < due:
        return _gave_up(state, now)
    return _look(state, now) if state.is_asking else _call(state, Action.SEND, now)


def _over(state: State, now: float) -> Step:
    """Drop a job whose time is up, unless nobody was there to try: then it is tried first."""
    if state.call_due is None or state.tries:
        return _ended(state, Ending.DROPPED, "no restart succeeded in time", now)
    return replace(_late(state, now), call_due=None), (Action.RESTART,)


def _waiting(state: State, event: Event, now: float) -> Step:
    match event:
        case Joined(sid):
            return _enter_connected(state, sid, "the participant joined", now)
        case Found(look, sid) if look == state.look:
            return _enter_connected(state, sid, "the participant is on the SFU", now)
        case Left():
            return _ended(state, Ending.DROPPED, "the participant left before anybody saw it", now)
        case Absent(look, luck) | Unknown(look, luck) if look == state.look:
            looks = state.looks + 1
            return replace(state, looks=looks, look_due=now + pause(looks, luck)), ()
    return state, ()


def _connected(state: State, event: Event, now: float) -> Step:
    match event:
        case Joined(sid):  # again, under another sid: what a lookup says of the former does not count
            return _checked(replace(state, sid=sid or state.sid, look=state.look + 1), now), ()
        case Left(sid) if not (sid and state.sid and sid != state.sid):
            state, _ = _enter_disconnected(state, "the participant left", now)
            return _ask(state), (Action.LOOK,)
        case Found(look, sid) if look == state.look:
            return _checked(replace(state, sid=state.sid or sid), now), ()
        case Absent(look) if look == state.look:
            return _enter_disconnected(state, "the participant is not on the SFU any more", now)
        case Unknown(look) if look == state.look:
            return _checked(state, now), ()
    return _restarting(state, event, now)


def _restarting(state: State, event: Event, now: float) -> Step:
    match event:
        case Restarted(began):
            last = max(state.restarted_at, began) if state.restarted_at <= now else began
            due = last + HEARTBEAT * state.timeout
            return replace(state, restarted_at=last, call_due=due, tries=0), ()
        case Gone(Action.RESTART):
            return _ended(state, Ending.DROPPED, "the homeserver does not know the event any more", now)
        case Failed(Action.RESTART, luck, _, retry_after):
            tries = state.tries + 1
            last_chance = max(now + LAST_CHANCE, state.deadline - LAST_CHANCE)
            due = now + retry_after if retry_after is not None else min(now + pause(tries, luck), last_chance)
            return replace(state, tries=tries, call_due=due), ()
    return state, ()


def _ask(state: State) -> State:
    """Before the event is sent, have the SFU say that nobody is there: the client may be back already."""
    return replace(state, is_asking=True, call_due=None, look=state.look + 1, look_due=None, looks=0)


def _asking(state: State, event: Event, now: float) -> Step:
    match event:
        case Joined(sid) if not (sid and sid == state.sid):
            return _enter_connected(state, sid, "the participant is back", now)
        case Found(look, sid) if look == state.look and not (sid and sid == state.sid):
            return _enter_connected(state, sid, "the participant is back", now)
        case Absent(look) if look == state.look:
            return replace(state, since=now, is_asking=False, look=state.look + 1), (Action.SEND,)
        case Found(look) | Unknown(look) if look == state.look:
            return _ask_again(state, event, now)
    return state, ()


def _ask_again(state: State, event: Found | Unknown, now: float) -> Step:
    """Ask once more, after a failure, or after somebody was found of whom the SFU said that they left."""
    if now >= state.phase_ends:
        return _gave_up(state, now)
    looks = state.looks + 1
    wait = pause(looks, event.luck) if isinstance(event, Unknown) else GHOST_PAUSE
    return replace(state, looks=looks, look_due=now + wait), ()


def _disconnected(state: State, event: Event, now: float) -> Step:
    if state.is_asking:
        return _asking(state, event, now)
    match event:
        case Sent():
            return _ended(state, Ending.SENT, "the event was sent", now)
        case Gone(Action.SEND):
            return _ended(state, Ending.SENT, _gone(state), now)
        case Failed(Action.SEND) if now >= state.phase_ends:
            return _gave_up(state, now)
        case Failed(Action.SEND, luck, status, retry_after):
            tries = state.tries + 1
            due = now + (pause(tries, luck) if retry_after is None else retry_after)
            due = due if retry_after is not None else min(due, state.phase_ends)
            refusal = status if status in {403, 429} else state.refusal
            return replace(state, tries=tries, call_due=due, refusal=refusal), ()
    return state, ()


def _gone(state: State) -> str:
    if state.refusal:
        return f"the event is gone after a refusal with status {state.refusal}: it may never have been sent"
    return "the event was gone: the homeserver had sent it, or somebody cancelled it"


def _gave_up(state: State, now: float) -> Step:
    what = "it could not be sent"
    if state.is_asking:
        what = "the SFU did not say whether the participant is back"
    return _ended(state, Ending.DROPPED, f"{what}: the homeserver sends it by itself", now)


def _enter_connected(state: State, sid: str, why: str, now: float) -> Step:
    state = replace(state, phase=Phase.CONNECTED, since=now, sid=sid, why=why, look=state.look + 1, tries=0)
    return _checked(replace(state, call_due=None, is_asking=False), now), (Action.RESTART,)


def _enter_disconnected(state: State, why: str, now: float) -> Step:
    state = replace(state, phase=Phase.DISCONNECTED, since=now, why=why, look=state.look + 1, look_due=None)
    return replace(state, call_due=None, tries=0), (Action.SEND,)


def _ended(state: State, ending: Ending, why: str, now: float) -> Step:
    idle = replace(state, call_due=None, look_due=None, look=state.look + 1)
    return replace(idle, phase=Phase.ENDED, since=now, ending=ending, why=why), ()


def _checked(state: State, now: float) -> State:
    """Set the time of the next sanity check."""
    return replace(state, look_due=now + state.sanity if state.sanity else None, looks=0)


def _look(state: State, now: float) -> Step:
    if state.look_due is None or now < state.look_due:
        return state, ()
    return replace(state, look_due=None), (Action.LOOK,)


def _call(state: State, action: Action, now: float) -> Step:
    if state.call_due is None or now < state.call_due:
        return state, ()
    return replace(state, call_due=None), (action,)


def restart_due(state: State) -> float:
    """Return when the restart that is under way in a connected job was due, if none failed before it."""
    if state.restarted_at <= state.since:
        return state.since
    return state.restarted_at + HEARTBEAT * state.timeout


def pause(failures: int, luck: float) -> float:
    """Return how many seconds to wait after so many failures; `luck` from 0 to 1 is the jitter of ±50 %."""
    grown = FIRST_PAUSE * GROWTH ** (min(failures, MOST_TRIES) - 1)
    return float(min(grown * (0.5 + luck), LONGEST_PAUSE))
