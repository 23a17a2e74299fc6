"""Many requests at the same time, to two workers, on both databases: what the homeserver hears of it."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from tests.modules.livekit.delegation.conftest import BuildWorker
from tests.modules.livekit.delegation.homeserver import DelayingHomeserver
from tests.modules.livekit.delegation.house import LIVEKIT_ROOM, Worker, wait_for_restart
from tests.modules.livekit.sfu import signed, webhook
from tests.service import wait_for

MANY = 6


@pytest.fixture
def workers(build_worker: BuildWorker, any_store_url: str) -> list[Worker]:
    return [build_worker(any_store_url).start() for _ in range(2)]


def at_once(calls: Iterable[Callable[[], object]]) -> None:
    with ThreadPoolExecutor(MANY) as pool:
        for future in [pool.submit(call) for call in calls]:
            future.result(60)


def test_a_webhook_acts_once(workers: list[Worker], homeserver: DelayingHomeserver) -> None:
    one, _ = workers
    event = one.delegate(delay=600.0, delay_id="syd_1")

    def tell(name: str) -> None:
        body = webhook(name, LIVEKIT_ROOM, one.identity("xyz"), "PA_1")
        at_once(partial(worker.send_hook, body, signed(body)) for worker in workers * (MANY // 2))

    tell("participant_joined")
    wait_for_restart(event)
    assert one.phases() == ["connected"]
    tell("participant_left")
    wait_for(lambda: one.jobs == [], "the end")
    assert event.sent_at
    assert homeserver.acts == [("syd_1", "restart"), ("syd_1", "send")]


def test_the_job_that_the_store_has_is_the_one_that_runs(
    workers: list[Worker], homeserver: DelayingHomeserver
) -> None:
    one, other = workers
    at_once(
        partial(worker.delegate, delay=4.0, delay_id=f"syd_{number}")
        for number, worker in enumerate([one, other] * (MANY // 2))
    )
    (job,) = one.jobs
    newest = job.asked.delay_id
    one.sfu.participants[LIVEKIT_ROOM, one.identity("xyz")] = "PA_1"
    wait_for_restart(homeserver.events[newest], 3)
    one.leave()
    wait_for(lambda: one.jobs == [], "the end")
    assert {delay_id for delay_id, _ in homeserver.acts} == {newest}
    assert homeserver.acts[-1] == (newest, "send")
