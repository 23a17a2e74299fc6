"""What the runner hears of commits, in whatever order."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from modules.livekit.delegation.engine.runner import Runner
from modules.livekit.delegation.jobs.job import Job
from modules.livekit.delegation.jobs.repository import IsWanted, Jobs
from tests.modules.livekit.delegation.conftest import BuildWorker
from tests.modules.livekit.delegation.house import LIVEKIT_ROOM, Worker, wait_for_restart
from tests.service import wait_for

Post = Callable[[Runner], None]


def hold_back(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> tuple[list[Post], Callable[[], None]]:
    """Keep what the runner is told, until it is told all of it, the newest first."""
    running = worker.module.delegation._running
    assert running
    post = running.post
    kept: list[Post] = []
    monkeypatch.setattr(running, "post", kept.append)

    def tell(runner: Runner) -> None:
        for work in reversed(kept):
            work(runner)

    def release() -> None:
        post(tell)
        monkeypatch.setattr(running, "post", post)

    return kept, release


def test_webhooks_in_reverse(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    event = worker.delegate()
    _, release = hold_back(worker, monkeypatch)
    worker.join()
    worker.leave()
    release()
    wait_for(lambda: worker.jobs == [], "the end")
    assert event.sent_at
    assert event.restarts == []


def test_a_takeover_that_is_told_late(build_worker: BuildWorker, monkeypatch: pytest.MonkeyPatch) -> None:
    dead, worker = build_worker(), build_worker().start()
    kept, release = hold_back(worker, monkeypatch)
    event = dead.delegate()
    dead.join()
    wait_for(lambda: worker.jobs[0].version == 2 and len(kept) > 0, "the takeover")
    worker.leave()
    release()
    wait_for(lambda: worker.jobs == [], "the end")
    assert event.sent_at


def test_two_requests_at_once_run_one_job(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    """The job that the store has is the one that runs."""
    committed, told = threading.Event(), threading.Event()
    add = Jobs.add

    def late(jobs: Jobs, job: Job, is_wanted: IsWanted) -> bool:
        done = add(jobs, job, is_wanted)
        if job.asked.delay_id == "syd_first":
            committed.set()
            told.wait(0.5)  # in vain: nobody else comes in between
        return done

    monkeypatch.setattr(Jobs, "add", late)

    def second() -> None:
        assert committed.wait(10)
        worker.delegate(delay_id="syd_second")
        told.set()

    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(second)
        worker.delegate(delay_id="syd_first")
        done.result(30)
    worker.sfu.participants[LIVEKIT_ROOM, worker.identity("xyz")] = "PA_1"
    (job,) = worker.jobs
    assert job.asked.delay_id == "syd_second"
    wait_for_restart(worker.homeserver.events["syd_second"])
