"""A worker that runs jobs, with real time."""

import logging
import time
from typing import Any

import pytest
from prometheus_client import generate_latest

from issuer.observability.metrics import PrometheusMetrics
from issuer.store import StoreError
from modules.livekit.delegation.jobs.repository import Jobs
from tests.modules.livekit.delegation.conftest import BuildWorker
from tests.modules.livekit.delegation.homeserver import DelayingHomeserver, error
from tests.modules.livekit.delegation.house import LIVEKIT_ROOM, Worker, wait_for_restart
from tests.modules.livekit.sfu import Sfu, refuses
from tests.service import wait_for
from tests.upstream.authority import Authority


def test_a_whole_life(worker: Worker, homeserver: DelayingHomeserver) -> None:
    event = worker.delegate(delay=2.0)
    assert worker.phases() == ["waiting"]
    worker.join()
    wait_for_restart(event, 3)
    gaps = [later - earlier for earlier, later in zip(event.restarts, event.restarts[1:], strict=False)]
    assert all(1.0 < gap < 2.0 for gap in gaps), gaps  # 1.6, give or take what a busy machine takes
    left_at = time.time()
    worker.leave()
    wait_for(lambda: event.sent_at is not None, "the send")
    assert event.sent_at
    assert event.sent_at - left_at < 1.0
    wait_for(lambda: worker.jobs == [], "the end of the job")
    assert homeserver.faults == worker.sfu.faults == []


def test_it_is_found_by_a_lookup(worker: Worker) -> None:
    worker.sfu.participants[LIVEKIT_ROOM, worker.identity("xyz")] = "PA_1"
    event = worker.delegate()
    wait_for_restart(event)
    (job,) = worker.jobs
    assert (job.state.phase, job.state.sid) == ("connected", "PA_1")


def test_who_never_comes_leaves(worker: Worker) -> None:
    event = worker.delegate(delay=1.0)
    wait_for(lambda: worker.jobs == [], "the end")
    assert event.sent_at or event.has_fired
    assert event.restarts == []


def test_the_sanity_check(build_worker: BuildWorker) -> None:
    another, worker = (build_worker(sanity_check_interval="0.3s").start() for _ in range(2))
    event = another.delegate()
    worker.join()  # the job moves
    wait_for_restart(event)
    pair = LIVEKIT_ROOM, worker.identity("xyz")
    looked = len(worker.sfu.lookups)
    wait_for(lambda: len(worker.sfu.lookups) >= looked + 2, "two checks")
    worker.sfu.refusal = refuses(503, "unavailable")
    looked = len(worker.sfu.server.seen)
    wait_for(lambda: len(worker.sfu.server.seen) >= looked + 2, "two checks that fail")
    assert worker.phases() == ["connected"]
    worker.sfu.refusal = None
    del worker.sfu.participants[pair]
    wait_for(lambda: event.sent_at is not None, "the send")


def test_only_the_newest_acts(build_worker: BuildWorker, homeserver: DelayingHomeserver) -> None:
    """Every cell of the table, replacement, independence of jobs, percent-encoding of `delay_id` (`../../x`,
    `a/b`, `%2F`, unicode), 404/429 with both hints/5xx/timeouts, unsigned, wrongly signed, replayed and
    altered webhooks, unknown event types, missing `participant` or `room`.
    """
    one, other = build_worker().start(), build_worker().start()
    old = one.delegate(delay=1.0, delay_id="syd_old")
    one.join()
    wait_for_restart(old, 2)
    new = other.delegate(delay=1.0, delay_id="syd_new")
    replaced_at = time.time()
    wait_for_restart(new, 3)  # found by a lookup, and by the other worker
    assert [at for at in old.restarts if at > replaced_at + 0.1] == []
    other.leave()
    wait_for(lambda: new.sent_at is not None, "the send")
    assert ("syd_old", "send") not in homeserver.acts
    wait_for(lambda: old.has_fired, "what nobody restarts")


def test_a_webhook_comes_to_another_worker(build_worker: BuildWorker, homeserver: DelayingHomeserver) -> None:
    one, other = build_worker().start(), build_worker().start()
    event = one.delegate(delay=2.0)
    (job,) = one.jobs
    other.join()
    (taken,) = one.jobs
    assert taken.id == job.id
    assert taken.owner != job.owner
    wait_for_restart(event, 2)
    one.leave()
    wait_for(lambda: one.jobs == [], "the end")
    assert event.sent_at
    assert [action for _, action in homeserver.acts].count("send") == 1


def test_a_homeserver_that_fails_for_a_while(worker: Worker, homeserver: DelayingHomeserver) -> None:
    event = worker.delegate(delay=6.0)
    worker.join()
    wait_for_restart(event)
    homeserver.instead = lambda *_: error(502, "M_UNKNOWN")
    worker.leave()
    wait_for(lambda: [a for _, a in homeserver.acts].count("send") >= 2, "a second try")
    homeserver.instead = lambda *_: None
    wait_for(lambda: event.sent_at is not None, "the send")


def test_the_store_fails_for_a_while(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    """Events are kept alive all the same."""
    event = worker.delegate(delay=1.5)
    worker.join()
    wait_for_restart(event)

    def fail(*_: object) -> set[str]:
        raise StoreError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(Jobs, "settle", fail)
        wait_for_restart(event, len(event.restarts) + 3)
    worker.leave()
    wait_for(lambda: event.sent_at is not None, "the send")


def test_a_job_that_is_given_up(worker: Worker) -> None:
    event = worker.delegate(delay=1.0)
    worker.join()
    wait_for_restart(event, 2)
    (job,) = worker.jobs
    assert worker.module.delegation.cancel(job)
    wait_for(lambda: event.has_fired, "what nobody restarts")
    assert event.sent_at is None


def test_what_is_told(
    store_url: str, homeserver: DelayingHomeserver, sfu: Sfu, authority: Authority, caplog: Any
) -> None:
    caplog.set_level(logging.DEBUG)
    metrics = PrometheusMetrics()
    worker = Worker(store_url, homeserver, sfu, authority, metrics=metrics).start()

    def value(name: str, **labels: str) -> float | None:
        return metrics.registry.get_sample_value(f"issuer_livekit_{name}", {"instance": "livekit", **labels})

    event = worker.delegate(delay=1.0, delay_id="syd_SeCrEt")
    wait_for(lambda: value("jobs", state="waiting") == 1, "a job that waits")
    worker.join()
    wait_for_restart(event, 2)
    assert (value("jobs", state="waiting"), value("jobs", state="connected")) == (0, 1)
    worker.leave()
    wait_for(lambda: value("jobs_ended_total", ending="sent") == 1, "the end")
    wait_for(lambda: value("jobs", state="disconnected") == 0, "no job")
    assert (value("calls_total", action="restart", outcome="ok") or 0) >= 2
    assert value("calls_total", action="send", outcome="ok") == 1
    assert (value("restart_lateness_seconds_count") or 0) >= 2
    worker.stop()
    steps = [record.msg for record in caplog.records if isinstance(record.msg, dict)]
    told = [(step["from"], step["to"]) for step in steps if step["event"] == "delegated_leave"]
    expected = [(None, "waiting"), ("waiting", "connected"), ("connected", "disconnected")]
    assert told == [*expected, ("disconnected", "sent")]
    assert "SeCrEt" not in caplog.text
    assert "SeCrEt" not in generate_latest(metrics.registry).decode()
