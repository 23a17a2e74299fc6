"""Fields of another program, which escapes what JSON need not escape."""

import json
import time

import pytest

from modules.livekit.delegation.jobs.job import DelegationRequest
from modules.livekit.delegation.redis.layout import field_of, parse, value_of
from tests.modules.livekit.delegation.conftest import BuildWorker
from tests.modules.livekit.delegation.homeserver import DelayingHomeserver
from tests.modules.livekit.delegation.house import LIVEKIT_ROOM, Worker, wait_for_restart
from tests.modules.livekit.delegation.test_redis import HASH, jobs
from tests.modules.livekit.sfu import signed, webhook
from tests.redis import RedisServer
from tests.service import wait_for

__all__ = ["jobs"]

IDENTITY = "@u:hs:<D&V>\u2028"
OURS = field_of((LIVEKIT_ROOM, IDENTITY))
THEIRS = json.dumps([LIVEKIT_ROOM, IDENTITY], separators=(",", ":"))
for character in "<&>":
    THEIRS = THEIRS.replace(character, f"\\u{ord(character):04x}")


@pytest.fixture
def worker(build_worker: BuildWorker, jobs: RedisServer, homeserver: DelayingHomeserver) -> Worker:
    """A worker that finds a job of the other program, restarts it, and has written that."""
    assert THEIRS.encode() != OURS
    event = homeserver.schedule("syd_1", 600.0)
    asked = DelegationRequest(LIVEKIT_ROOM, IDENTITY, homeserver.name, "syd_1", 600.0)
    began = time.time() - 1
    jobs.client.hset(HASH, THEIRS, value_of(asked, began))
    jobs.client.hset(HASH, OURS, value_of(asked, began - 1))  # of a former switch
    worker = build_worker(redis_url=jobs.url)
    worker.sfu.participants[LIVEKIT_ROOM, IDENTITY] = "PA_1"
    worker.start()
    wait_for_restart(event)

    def restarted_at() -> float:
        found = parse(THEIRS.encode(), jobs.client.hget(HASH, THEIRS))
        assert found
        return found[1]

    wait_for(lambda: restarted_at() > began + 0.5, "the restart")
    return worker


def test_a_job_keeps_its_name(worker: Worker, jobs: RedisServer) -> None:
    assert jobs.client.hkeys(HASH) == [THEIRS.encode()]
    del worker.sfu.participants[LIVEKIT_ROOM, IDENTITY]
    body = webhook("participant_left", LIVEKIT_ROOM, IDENTITY, "PA_1")
    assert worker.send_hook(body, signed(body)).status_code == 200
    wait_for(lambda: jobs.client.hkeys(HASH) == [], "the end")


def test_a_command_finds_it_too(worker: Worker, build_worker: BuildWorker, jobs: RedisServer) -> None:
    (job,) = worker.jobs
    command = build_worker(redis_url=jobs.url)
    assert command.module.delegation.cancel(job)
    assert jobs.client.hkeys(HASH) == []


@pytest.mark.parametrize("delay_id", [".", "..", "x" * 1025])
def test_what_no_path_can_have_is_no_job(delay_id: str) -> None:
    asked = DelegationRequest("room", "identity", "server", delay_id, 8.0)
    assert parse(field_of(asked.pair), value_of(asked, 0.0)) is None
    good = DelegationRequest("room", "identity", "server", delay_id[:3] + "/..", 8.0)
    assert parse(field_of(good.pair), value_of(good, 0.0)) == (good, 0.0)
