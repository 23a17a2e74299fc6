"""Somebody sets the clock of a machine with participants in calls."""

import time

import pytest

from tests.faults.clocks import SetClock
from tests.modules.livekit.delegation.conftest import BuildWorker
from tests.modules.livekit.delegation.homeserver import DelayingHomeserver
from tests.modules.livekit.delegation.house import Worker
from tests.modules.livekit.delegation.replica import wait_for_restarts
from tests.service import wait_for

STEPS = (5.0, -5.0, 3600.0, -3600.0)
DELAY = 4.0
MEMBERS = 6


def connected(workers: list[Worker]) -> None:
    for number in range(MEMBERS):
        workers[number % len(workers)].delegate(f"m{number}", delay=DELAY)
        workers[number % len(workers)].join(f"m{number}")


@pytest.mark.real
@pytest.mark.parametrize("step", STEPS)
def test_no_participant_leaves(
    build_worker: BuildWorker, any_store_url: str, homeserver: DelayingHomeserver, step: float
) -> None:
    """A clock that steps by ±5 s and ±1 h: no participant leaves, no session or code lives longer than its
    time by more than the step's own size.

    It steps while two workers run their jobs, and again when one of them ends and the other takes over.
    """
    clock = SetClock()
    workers = [build_worker(any_store_url, clock=clock).start() for _ in range(2)]
    connected(workers)
    events = list(homeserver.events.values())
    wait_for_restarts(events, 0.0)
    for ends in (False, False, True):
        clock.step(step)
        if ends:
            workers[0].stop()
        wait_for_restarts(events, time.time())
        wait_for_restarts(events, time.time())
        assert not any(event.has_fired or event.sent_at for event in events)
        assert workers[1].phases() == ["connected"] * MEMBERS
    clock.step(step)
    for number in range(MEMBERS):
        workers[1].leave(f"m{number}")
    wait_for(lambda: all(event.sent_at for event in events), "everybody's leave")
    wait_for(lambda: workers[1].jobs == [], "the end of the jobs")
    assert homeserver.faults == []
