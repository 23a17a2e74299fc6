"""A Redis that hangs, or dies: what counts is in the store, and nobody else waits."""

import logging
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from issuer.store import StoreError
from modules.livekit.delegation.jobs.repository import Jobs
from modules.livekit.delegation.redis import layout
from tests.modules.livekit.delegation.conftest import BuildWorker
from tests.modules.livekit.delegation.house import Worker, wait_for_restart
from tests.modules.livekit.delegation.test_redis import found
from tests.redis import RedisServer
from tests.service import wait_for

DELAY = 4.0


class Tarpit:
    """Accepts, and never answers; closing it resets all connections."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"redis://127.0.0.1:{self._listener.getsockname()[1]}/0"
        self.connections: list[socket.socket] = []
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def _accept(self) -> None:
        while True:
            try:
                self.connections.append(self._listener.accept()[0])
            except OSError:
                return

    def close(self) -> None:
        if self._listener.fileno() < 0:
            return
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()
        for connection in self.connections:
            connection.close()


@pytest.fixture
def tarpit(monkeypatch: pytest.MonkeyPatch) -> Iterator[Tarpit]:
    monkeypatch.setattr(layout, "SECONDS", 120.0)
    with closing(Tarpit()) as server:
        yield server


@pytest.fixture
def server(tmp_path: Path, programs: None) -> Iterator[RedisServer]:
    """A Redis of the test's own."""
    (tmp_path / "redis").mkdir()
    server = RedisServer(tmp_path / "redis")
    server.start()
    yield server
    server.process.send_signal(signal.SIGCONT)
    server.stop()


def test_only_who_hands_a_job_over_waits(build_worker: BuildWorker, tarpit: Tarpit) -> None:
    worker = build_worker(redis_url=tarpit.url).start()
    others = build_worker()
    wait_for(lambda: len(tarpit.connections) == 1, "the look at the start")
    with ThreadPoolExecutor(1) as pool:
        body = worker.body("waits", "syd_waits")
        waiting = pool.submit(worker.post, "/delegate_delayed_leave", body)
        try:
            wait_for(lambda: len(tarpit.connections) == 2, "a request that waits")
            for another in (worker, others):  # issuances, and jobs of other processes
                assert another.post("/get_token", another.body("else", None)).status_code == 200
            others.delegate("other")
            assert worker.hook("participant_joined", "other").status_code == 200
            wait_for_restart(worker.homeserver.events["syd_other_1"])
            assert not waiting.done()
        finally:
            tarpit.close()
        assert waiting.result(60).status_code == 200
    assert {job.asked.delay_id for job in worker.jobs} == {"syd_other_1", "syd_waits"}


def test_a_takeover_does_not_wait(build_worker: BuildWorker, tarpit: Tarpit) -> None:
    dead = build_worker()
    event = dead.delegate()
    dead.join()
    worker = build_worker(redis_url=tarpit.url).start()
    try:
        wait_for_restart(event)
        worker.leave()
        wait_for(lambda: worker.jobs == [], "the end")
        assert event.sent_at
    finally:
        tarpit.close()


def kill(server: RedisServer) -> Callable[[], None]:
    server.process.kill()
    server.process.wait(60)
    return server.start


def hang(server: RedisServer) -> Callable[[], None]:
    server.process.send_signal(signal.SIGSTOP)
    return lambda: server.process.send_signal(signal.SIGCONT)


@pytest.mark.parametrize("end", [kill, hang])
def test_connected_jobs_go_on(
    build_worker: BuildWorker,
    server: RedisServer,
    end: Callable[[RedisServer], Callable[[], None]],
    caplog: pytest.LogCaptureFixture,
) -> None:
    worker: Worker = build_worker(redis_url=server.url).start()
    events = {name: worker.delegate(name, DELAY) for name in ("stays", "leaves", "never comes")}
    for name in ("stays", "leaves"):
        worker.join(name)
        wait_for_restart(events[name])
    come_back = end(server)
    try:
        for name in ("stays", "leaves"):
            wait_for_restart(events[name], len(events[name].restarts) + 2)
        new = worker.delegate("new", delay=600.0, delay_id="syd_new")
        worker.join("new")
        assert worker.post("/get_token", worker.body("else", None)).status_code == 200
        worker.leave("leaves")
        wait_for(lambda: worker.phases() == ["connected"] * 2, "the ends")
    finally:
        come_back()
    assert events["leaves"].sent_at
    assert events["never comes"].sent_at or events["never comes"].has_fired
    ids = {job.asked.delay_id for job in worker.jobs}
    assert "syd_new" in ids
    assert len(new.restarts) == 1
    wait_for(lambda: set(found(server)) == ids, "a Redis that is as the store is")
    assert not events["stays"].has_fired
    (warning,) = [record for record in caplog.records if "not copied to Redis" in record.getMessage()]
    assert warning.levelno == logging.WARNING


def test_what_the_store_cannot_keep_is_not_in_redis(
    build_worker: BuildWorker, server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker: Worker = build_worker(redis_url=server.url).start()

    def fail(*_: object) -> None:
        assert set(found(server)) == {"syd_1"}, "it is there before the yes"
        raise StoreError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(Jobs, "add", fail)
        assert worker.post("/delegate_delayed_leave", worker.body("xyz", "syd_1")).status_code == 503
    wait_for(lambda: found(server) == {}, "no job")


def test_redis_has_the_newest_job_whoever_writes_last(
    build_worker: BuildWorker, server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What another worker changed while we wrote is written again."""
    one, other = build_worker(redis_url=server.url).start(), build_worker(redis_url=server.url)
    wait_for(one.module.delegation._copier.has_begun.is_set, "the start")
    mirror = one.module.delegation.mirror
    write, written = mirror.write, threading.Event()

    def late(jobs: list[layout.Started]) -> None:
        mine = [asked for asked, _ in jobs if asked.delay_id == "syd_old"]
        if not (mine and one.jobs) or written.is_set():
            write(jobs)
            return
        other.delegate(delay_id="syd_new")
        write(jobs)
        written.set()

    monkeypatch.setattr(mirror, "write", late)
    one.delegate(delay_id="syd_old")
    wait_for(written.is_set, "a copy that is old")
    wait_for(lambda: set(found(server)) == {"syd_new"}, "the newest job")
    assert [job.asked.delay_id for job in one.jobs] == ["syd_new"]
