"""A worker that runs jobs, with real time."""

import time

from tests.modules.livekit.delegation.homeserver import DelayingHomeserver
from tests.modules.livekit.delegation.house import Worker, wait_for_restart
from tests.service import wait_for


def test_a_whole_life(worker: Worker, homeserver: DelayingHomeserver) -> None:
    event = worker.delegate(delay=2.0)
    assert worker.phases() == ["waiting"]
    worker.join()
    wait_for_restart(event, 3)
    gaps = [later - earlier for earlier, later in zip(event.restarts, event.restarts[1:], strict=False)]
    assert all(1.55 < gap < 2.0 for gap in gaps), gaps
    left_at = time.time()
    worker.leave()
    wait_for(lambda: event.sent_at is not None, "the send")
    assert event.sent_at
    assert event.sent_at - left_at < 1.0
    wait_for(lambda: worker.jobs == [], "the end of the job")
    assert homeserver.faults == worker.sfu.faults == []
