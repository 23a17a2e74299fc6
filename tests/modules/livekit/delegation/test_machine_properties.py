"""Whatever happens, in whatever order."""

from dataclasses import dataclass

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from modules.livekit.delegation.engine.machine import begin, step
from modules.livekit.delegation.engine.model import (
    Absent,
    Action,
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

LUCK = st.floats(0, 1)
SIDS = st.sampled_from(["", "PA_1", "PA_2"])
DELAYS = st.sampled_from([0.001, 1.0, 8.0, 18.0, 7200.0])


@dataclass(frozen=True)
class Call:
    """An action that is under way, of the n-th job."""

    job: int
    action: Action
    look: int
    began: float


class Jobs(RuleBasedStateMachine):
    """One participant, whose job is replaced now and then; calls are answered at any time, or never.

    Replaced and finished jobs go on hearing of everything.
    """

    def __init__(self) -> None:
        super().__init__()
        self.now = 1_000_000.0
        self.states: list[State] = []
        self.under_way: list[Call] = []

    def _started(self, job: int, actions: tuple[Action, ...]) -> None:
        made = [Call(job, action, self.states[job].look, self.now) for action in actions]
        self.under_way += made

    def _step(self, job: int, event: Event) -> None:
        before = self.states[job]
        after, actions = step(before, event, self.now)
        self.states[job] = after
        if before.phase is Phase.ENDED:
            assert after == before
        if after.phase is Phase.ENDED:
            assert actions == (), "no action comes from a finished job"
        if job < len(self.states) - 1:
            assert actions == (), "no action comes from a replaced job"
        if after.phase is Phase.DISCONNECTED and before.phase is not Phase.DISCONNECTED:
            expected = Action.LOOK if after.is_asking else Action.SEND
            assert actions == (expected,), "a disconnected one sends, at once or when the SFU has said so"
        if after.phase is Phase.CONNECTED and before.phase is not Phase.CONNECTED:
            assert actions == (Action.RESTART,)
        self._started(job, actions)

    @rule(delay=DELAYS, sanity=st.sampled_from([0.0, 5.0]))
    def replace(self, delay: float, sanity: float) -> None:
        if self.states:
            self._step(len(self.states) - 1, Replaced())
        state, actions = begin(delay, self.now, sanity)
        self.states.append(state)
        self._started(len(self.states) - 1, actions)

    @precondition(lambda self: self.states)
    @rule(
        event=st.one_of(st.builds(Joined, SIDS), st.builds(Left, SIDS), st.just(Tick()), st.just(Resumed()))
    )
    def hear(self, event: Event) -> None:
        for job in range(len(self.states)):
            self._step(job, event)

    @precondition(lambda self: self.states)
    @rule(seconds=st.floats(0, 5000))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds
        for job in range(len(self.states)):
            self._step(job, Tick())

    @precondition(lambda self: self.states)
    @rule()
    def time_comes(self) -> None:
        """The next timer is due."""
        at = self.states[-1].wakes_at
        if at != float("inf"):
            self.now = max(self.now, at)
            self._step(len(self.states) - 1, Tick())

    @precondition(lambda self: self.under_way)
    @rule(data=st.data(), luck=LUCK, sid=SIDS)
    def answer(self, data: st.DataObject, luck: float, sid: str) -> None:
        call = self.under_way.pop(data.draw(st.integers(0, len(self.under_way) - 1)))
        self._step(call.job, data.draw(answers(call, luck, sid)))

    @invariant()
    def a_connected_job_restarts_or_will(self) -> None:
        """Either a restart is under way, or it is scheduled, and in time."""
        for number, state in enumerate(self.states[-1:], len(self.states) - 1):
            if state.phase is Phase.CONNECTED:
                restarting = any(
                    call.job == number and call.action is Action.RESTART for call in self.under_way
                )
                assert restarting or state.call_due is not None
                assert state.wakes_at <= state.deadline
            if state.phase is Phase.DISCONNECTED and state.is_asking:
                asking = any(call.job == number and call.action is Action.LOOK for call in self.under_way)
                assert asking or state.look_due is not None
            elif state.phase is Phase.DISCONNECTED:
                sending = any(call.job == number and call.action is Action.SEND for call in self.under_way)
                assert sending or state.call_due is not None
            if state.phase is Phase.WAITING:
                assert state.wakes_at <= state.since + 3600


def answers(call: Call, luck: float, sid: str) -> st.SearchStrategy[Event]:
    failed = st.builds(
        Failed,
        st.just(call.action),
        st.just(luck),
        st.sampled_from([0, 401, 403, 404, 429, 500]),
        st.sampled_from([None, 0.0, 1.0, 100.0]),
    )
    match call.action:
        case Action.LOOK:
            number = call.look
            return st.sampled_from([Found(number, sid), Absent(number, luck), Unknown(number, luck)])
        case Action.RESTART:
            return st.one_of(st.just(Restarted(call.began)), st.just(Gone(Action.RESTART)), failed)
        case _:
            return st.one_of(st.just(Sent()), st.just(Gone(Action.SEND)), failed)


def test_jobs() -> None:
    """A stateful Hypothesis test over the machine: whatever the order of events, no action comes from a
    replaced or finished job, a connected job is always either restarting or scheduled to, and a disconnected
    one sends.
    """
    run_state_machine_as_test(
        Jobs, settings=settings(max_examples=150, stateful_step_count=40, deadline=None)
    )
