"""Jobs in Redis, as lk-jwt-service keeps them."""

import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modules.livekit.delegation.jobs.job import DelegationRequest, Job, is_delay_id
from modules.livekit.delegation.jobs.repository import IsWanted, Jobs
from modules.livekit.delegation.redis.layout import Started, field_of, parse, value_of
from tests.modules.livekit.delegation.conftest import BuildWorker
from tests.modules.livekit.delegation.homeserver import DelayingHomeserver
from tests.modules.livekit.delegation.house import LIVEKIT_ROOM, Worker, wait_for_restart
from tests.redis import RedisServer
from tests.service import wait_for

HASH = "lk-jwt:jobs"
ALLOWED = {"PING", "HSET", "HDEL", "HGETALL", "AUTH", "SELECT"}
OURS = {"INFO", "CONFIG|RESETSTAT"}
"""What the test itself sends."""


@pytest.fixture
def jobs(redis: RedisServer) -> RedisServer:
    """A Redis without jobs."""
    redis.client.flushall()
    redis.commands()
    return redis


def put(jobs: RedisServer, identity: str, delay_id: str, seconds_ago: float, **changes: Any) -> None:
    """Write a job as lk-jwt-service does."""
    at = datetime.now(UTC) - timedelta(seconds=seconds_ago)
    params = {
        "DelayId": delay_id,
        "DelayTimeout": 8_000_000_000,
        "ServerName": changes.pop("server", ""),
        "LiveKitRoom": LIVEKIT_ROOM,
        "LiveKitIdentity": identity,
    }
    value = {"Params": {**params, **changes}, "RestartedAt": at.isoformat().replace("+00:00", "123Z")}
    field = json.dumps([LIVEKIT_ROOM, identity], separators=(",", ":"))
    jobs.client.hset(HASH, field, json.dumps(value))


def found(jobs: RedisServer) -> dict[str, Any]:
    """Read the jobs as lk-jwt-service does: delay id → value."""
    values = {}
    for field, text in jobs.client.hgetall(HASH).items():
        value = json.loads(text)
        params = value["Params"]
        assert set(value) == {"Params", "RestartedAt"}
        assert set(params) == {"DelayId", "DelayTimeout", "ServerName", "LiveKitRoom", "LiveKitIdentity"}
        assert field.decode() == json.dumps(
            [params["LiveKitRoom"], params["LiveKitIdentity"]], separators=(",", ":"), ensure_ascii=False
        )
        assert type(params["DelayTimeout"]) is int
        assert datetime.fromisoformat(value["RestartedAt"]).tzinfo
        values[params["DelayId"]] = value
    return values


def test_jobs_of_the_existing_service_go_on(
    build_worker: BuildWorker, jobs: RedisServer, homeserver: DelayingHomeserver
) -> None:
    """Start with a Redis holding jobs in the reference's layout: they go on; expired ones are dropped; ours
    are readable back.
    """
    worker = build_worker(redis_url=jobs.url)
    here, absent = worker.identity("here"), worker.identity("absent")
    worker.sfu.participants[LIVEKIT_ROOM, here] = "PA_1"
    events = {name: homeserver.schedule(f"syd_{name}", 8.0) for name in ("here", "absent")}
    put(jobs, here, "syd_here", 3.0, server=homeserver.name)
    put(jobs, absent, "syd_absent", 3.0, server=homeserver.name)
    put(jobs, worker.identity("expired"), "syd_expired", 8.5, server=homeserver.name)
    jobs.client.hset(HASH, '["a","b"]', '{"of": "a later version"}')
    put(jobs, "", "syd_nobody", 1.0)
    jobs.commands()
    worker.start()
    wait_for_restart(events["here"])  # by a lookup, at once
    wait_for(lambda: sorted(worker.phases()) == ["connected", "waiting"], "both phases")
    assert set(jobs.client.hkeys(HASH)) > {b'["a","b"]'}
    jobs.client.hdel(HASH, '["a","b"]', json.dumps([LIVEKIT_ROOM, ""], separators=(",", ":")))
    assert set(found(jobs)) == {"syd_here", "syd_absent"}
    assert all(not event.has_fired for event in events.values())
    assert homeserver.faults == []
    # ours are readable back
    ours = worker.delegate("ours", delay=2.5, delay_id="syd_ours")
    assert found(jobs)["syd_ours"]["Params"]["DelayTimeout"] == 2_500_000_000
    before = found(jobs)["syd_ours"]["RestartedAt"]
    worker.join("ours")
    wait_for_restart(ours)
    wait_for(lambda: found(jobs)["syd_ours"]["RestartedAt"] > before, "the time of the restart")
    worker.leave("ours")
    wait_for(lambda: "syd_ours" not in found(jobs), "the end")
    worker.leave("here")
    wait_for(lambda: set(found(jobs)) == {"syd_absent"}, "the end")
    used = jobs.commands() - OURS
    assert {"HSET", "HDEL", "HGETALL"} <= used <= ALLOWED | {"HKEYS"}  # the last is the test's


def test_what_is_sent_to_redis(build_worker: BuildWorker, jobs: RedisServer) -> None:
    worker = build_worker(redis_url=jobs.url).start()
    worker.delegate()
    (check,) = [check for check in worker.module.doctor() if check.name == "redis"]
    check.run()
    wait_for(lambda: len(jobs.client.hgetall(HASH)) == 1, "the job")
    jobs.client.close()
    worker.stop()
    assert jobs.commands() - OURS <= ALLOWED


def test_a_switch_and_back(
    build_worker: BuildWorker, jobs: RedisServer, homeserver: DelayingHomeserver
) -> None:
    """The other program, whose clock is ahead, has restarted one job meanwhile, ended one, and begun one."""
    worker = build_worker(redis_url=jobs.url)
    for name in ("kept", "ended", "restarted"):
        worker.delegate(name, delay=600.0, delay_id=f"syd_{name}")
    worker.sfu.participants[LIVEKIT_ROOM, worker.identity("restarted")] = "PA_1"
    event = homeserver.schedule("syd_restarted", 8.0)
    worker.hook("participant_joined", "kept")
    put(jobs, worker.identity("restarted"), "syd_restarted", -5.0, server=homeserver.name)
    put(jobs, worker.identity("begun"), "syd_begun", 0.0, server=homeserver.name)
    jobs.client.hdel(HASH, field_of((LIVEKIT_ROOM, worker.identity("ended"))))
    ids = {job.asked.delay_id: job.id for job in worker.jobs}
    wait_for(lambda: bool(worker.module.delegation._leases.dead("nobody")), "the end of the lease")
    successor = build_worker(redis_url=jobs.url).start()
    expected = {"syd_kept", "syd_restarted", "syd_begun"}
    wait_for(lambda: {job.asked.delay_id for job in successor.jobs} == expected, "the jobs")
    after = {job.asked.delay_id: job for job in successor.jobs}
    assert (after["syd_kept"].id, after["syd_kept"].state.phase) == (ids["syd_kept"], "connected")
    assert after["syd_restarted"].id != ids["syd_restarted"]
    assert after["syd_begun"].state.phase == "waiting"
    wait_for_restart(event, 2)
    assert event.restarts[1] - event.restarts[0] < 8.0
    assert not event.has_fired


def test_what_cannot_be_taken_on_is_left_alone(
    build_worker: BuildWorker,
    jobs: RedisServer,
    homeserver: DelayingHomeserver,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Neither a time of far away nor a job that fails stops the others, or the takeover."""
    dead, worker = build_worker(redis_url=jobs.url), build_worker(redis_url=jobs.url)
    dead.delegate("taken", delay=600.0, delay_id="syd_taken")
    for name in ("a", "b", "fails"):
        put(jobs, dead.identity(name), f"syd_{name}", 0.0, server=homeserver.name)
    far, field = "9999-12-31T23:59:59-14:00", field_of((LIVEKIT_ROOM, dead.identity("a")))
    jobs.client.hset(
        HASH, field, json.dumps({**json.loads(jobs.client.hget(HASH, field)), "RestartedAt": far})
    )
    add = Jobs.add

    def fail(self: Jobs, job: Job, is_wanted: IsWanted) -> bool:
        if job.asked.delay_id == "syd_fails":
            raise ValueError("who knows")
        return add(self, job, is_wanted)

    monkeypatch.setattr(Jobs, "add", fail)
    worker.start()
    owner = worker.module.delegation._owner
    expected = {"syd_a", "syd_b", "syd_taken"}
    wait_for(
        lambda: {job.asked.delay_id for job in worker.jobs if job.owner == owner} == expected, "the jobs"
    )
    assert all(job.state.restarted_at <= time.time() for job in worker.jobs)
    assert set(found(jobs)) == {*expected, "syd_fails"}


@pytest.mark.parametrize("age", [1.0, 8.5], ids=["a job", "an expired one"])
def test_a_job_that_is_accepted_meanwhile(
    build_worker: BuildWorker, jobs: RedisServer, monkeypatch: pytest.MonkeyPatch, age: float
) -> None:
    """It is newer than the one that was read from Redis for the same participant."""
    one, other = build_worker(redis_url=jobs.url), build_worker(redis_url=jobs.url)
    put(jobs, one.identity("xyz"), "syd_old", age, server=one.homeserver.name)
    mirror = one.module.delegation.mirror
    read = mirror.read

    def late() -> list[Started]:
        found = read()
        other.delegate(delay_id="syd_new")
        return found

    monkeypatch.setattr(mirror, "read", late)
    one.start()
    wait_for(one.module.delegation._copier.has_begun.is_set, "the start")
    one.stop()
    assert [job.asked.delay_id for job in one.jobs] == ["syd_new"]
    assert set(found(jobs)) == {"syd_new"}


def test_a_job_that_is_taken_meanwhile(
    build_worker: BuildWorker, jobs: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is in Redis no more, and its worker is dead; but a webhook brings it to another worker."""
    dead, other, worker = (build_worker(redis_url=jobs.url) for _ in range(3))
    for name in ("taken", "kept"):
        dead.delegate(name, delay=600.0, delay_id=f"syd_{name}")
    jobs.client.hdel(HASH, field_of((LIVEKIT_ROOM, dead.identity("taken"))))
    wait_for(lambda: bool(dead.module.delegation._leases.dead("nobody")), "the end of the lease")
    mirror = worker.module.delegation.mirror
    read = mirror.read

    def late() -> list[Started]:
        found = read()
        other.hook("participant_joined", "taken")
        return found

    monkeypatch.setattr(mirror, "read", late)
    worker.start()
    wait_for(worker.module.delegation._copier.has_begun.is_set, "the start")
    assert {job.asked.delay_id for job in worker.jobs} == {"syd_taken", "syd_kept"}


def test_a_redis_that_lost_its_jobs(build_worker: BuildWorker, jobs: RedisServer) -> None:
    dead = build_worker(redis_url=jobs.url)
    event = dead.delegate()
    dead.sfu.participants[LIVEKIT_ROOM, dead.identity("xyz")] = "PA_1"
    jobs.client.flushall()
    wait_for(lambda: bool(dead.module.delegation._leases.dead("nobody")), "the end of the lease")
    build_worker(redis_url=jobs.url).start()
    wait_for_restart(event)
    wait_for(lambda: len(found(jobs)) == 1, "the job")


def test_a_store_that_was_lost(build_worker: BuildWorker, jobs: RedisServer, tmp_path: Path) -> None:
    worker = build_worker(redis_url=jobs.url)
    event = worker.delegate()
    worker.sfu.participants[LIVEKIT_ROOM, worker.identity("xyz")] = "PA_1"
    successor = build_worker(f"sqlite:///{tmp_path / 'another.db'}", redis_url=jobs.url).start()
    wait_for_restart(event)
    assert successor.phases() == ["connected"]


def test_redis_is_down(build_worker: BuildWorker, tmp_path: Path) -> None:
    worker: Worker = build_worker(redis_url="redis://127.0.0.1:1/0")
    answer = worker.post("/delegate_delayed_leave", worker.body("xyz", "syd_1"))
    assert answer.status_code == 200
    assert worker.phases() == ["waiting"]
    with pytest.raises(Exception, match="Redis does not answer"):
        worker.module.delegation.mirror.check()


TIMES = [
    ("2026-11-24T10:00:00Z", 1795514400.0),
    ("2026-11-24T10:00:00.5Z", 1795514400.5),
    ("2026-11-24T10:00:00.123456789Z", 1795514400.123456),
    ("2026-11-24T12:30:00.1+02:30", 1795514400.1),
    ("2026-11-24t05:00:00-05:00", 1795514400.0),
]


@pytest.mark.parametrize(("text", "expected"), TIMES, ids=str)
def test_times(text: str, expected: float) -> None:
    asked = DelegationRequest("room", "identity", "server", "id", 8.0)
    value = json.loads(value_of(asked, 0.0))
    found = parse(field_of(asked.pair), json.dumps({**value, "RestartedAt": text}).encode())
    assert found
    assert found[0] == asked
    assert found[1] == pytest.approx(expected)


NAMES = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=20)


@given(texts=st.tuples(*[NAMES.filter(is_delay_id)] * 4), timeout=st.integers(1, 10**9), at=st.floats(0, 4e9))
def test_what_is_written_is_read(texts: tuple[str, str, str, str], timeout: int, at: float) -> None:
    asked = DelegationRequest(*texts, timeout / 1000)
    read = parse(field_of(asked.pair), value_of(asked, at))
    assert read
    assert read[0] == asked
    assert read[1] == pytest.approx(at, abs=1e-5)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


@settings(max_examples=200)
@given(data=st.data())
def test_junk_is_no_job(data: st.DataObject) -> None:
    asked = DelegationRequest("room", "identity", "server", "id", 8.0)
    good = json.loads(value_of(asked, time.time()))
    name = data.draw(st.sampled_from(["Params", "RestartedAt", *good["Params"]]))
    where = good if name in good else good["Params"]
    where[name] = data.draw(JSON)
    found = parse(field_of(asked.pair), json.dumps(good).encode())
    assert found is None or found[0].pair == asked.pair
    assert parse(data.draw(st.binary()), data.draw(st.binary())) is None
