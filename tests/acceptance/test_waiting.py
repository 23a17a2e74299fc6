"""The database keeps everybody waiting: a service goes on as far as it can, and is whole again afterwards."""

import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
import requests

from tests.faults.silence import silent_proxy
from tests.postgresql import PostgreSQL, postgresql
from tests.service import CONFIGURATION, PASSWORD, Service, client, wait_for

__all__ = ["postgresql"]

SILENCE = 60.0
WAIT = 2
TOGETHER = 60
"""More than both workers have threads."""
Fault = Callable[[], AbstractContextManager[None]]


class Running:
    """A service, and how its database is taken away."""

    def __init__(self, service: Service, fault: Fault) -> None:
        self.service = service
        self.fault = fault

    def get(self, path: str, session: requests.Session | None = None) -> int:
        """Ask, with a patience far beyond the deadline, and far below the end of the fault."""
        asked = (session or client()).get(self.service.url + path, allow_redirects=False, timeout=SILENCE / 2)
        return asked.status_code

    def sign_in(self, _: int = 0) -> int:
        answer = client().post(
            self.service.url + "/login",
            data={"login": "dwho", "password": PASSWORD, "next": "/"},
            headers={"Origin": self.service.url},
            allow_redirects=False,
            timeout=SILENCE / 2,
        )
        return answer.status_code


@contextmanager
def locked(file: Path) -> Iterator[None]:
    shell = sqlite3.connect(file, isolation_level=None, timeout=SILENCE)
    shell.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        shell.close()


@contextmanager
def stopped_writer(url: str) -> Iterator[None]:
    command = [sys.executable, "-m", "tests.store.hammer", "hold", url]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout
        assert writer.stdout.readline() == "ready\n"
        writer.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            writer.send_signal(signal.SIGCONT)
            writer.communicate("go\n", timeout=SILENCE)


@contextmanager
def started(folder: Path, url: str, fault: Fault, threads: int) -> Iterator[Running]:
    more = f'\n[store]\nurl = "{url}"\nlongest_wait = {WAIT}\n'
    text = CONFIGURATION.replace("workers = 2", f"workers = 2\nthreads = {threads}")
    service = Service(folder, text + more)
    service.add_users("dwho")
    service.start()
    try:
        yield Running(service, fault)
    finally:
        service.stop()
        service.shell.parts.store.close()


@pytest.fixture(params=[16, 1], ids=["16 threads", "1 thread"])
def threads(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.fixture(params=["a held SQLite lock", "a stopped writer", "a silent PostgreSQL"])
def running(
    request: pytest.FixtureRequest, tmp_path: Path, threads: int, programs: None
) -> Iterator[Running]:
    url = f"sqlite:///{tmp_path}/issuer.db"
    if request.param == "a held SQLite lock":
        with started(tmp_path, url, lambda: locked(tmp_path / "issuer.db"), threads) as running:
            yield running
    elif request.param == "a stopped writer":
        with started(tmp_path, url, lambda: stopped_writer(url), threads) as running:
            yield running
    else:
        yield from _behind_a_proxy(request.getfixturevalue("postgresql"), tmp_path, threads)


def _behind_a_proxy(server: PostgreSQL, folder: Path, threads: int) -> Iterator[Running]:
    with silent_proxy(server.directory / ".s.PGSQL.5432") as proxy:
        url = f"postgresql://issuer@127.0.0.1:{proxy.port}/{server.create_database()}"

        @contextmanager
        def silence() -> Iterator[None]:
            proxy.fall_silent()
            try:
                yield
            finally:
                proxy.speak()

        with started(folder, url, silence, threads) as running:
            yield running


@pytest.mark.real
def test_nobody_waits_for_a_database_that_does_not_answer(running: Running) -> None:
    """A held SQLite lock, a stopped writer, a silent PostgreSQL: `/healthz` answers, others get 503 by the
    deadline, everything is back without a restart."""
    session = running.service.sign_in("dwho")
    assert running.get("/jitsi/login?room=x", session) == 302
    pids = {worker.pid for worker in running.service.workers()}
    with ThreadPoolExecutor(TOGETHER) as pool, running.fault():
        began = time.monotonic()
        logins = [pool.submit(running.get, "/jitsi/login?room=x", session) for _ in range(TOGETHER // 2)]
        sign_ins = [pool.submit(running.sign_in) for _ in range(TOGETHER // 2)]
        while not all(done.done() for done in [*logins, *sign_ins]):
            assert client().get(running.service.url + "/healthz", timeout=WAIT).status_code == 200
            time.sleep(0.05)
        assert {done.result() for done in [*logins, *sign_ins]} == {503}
        for _ in range(10):
            assert running.get("/jitsi/login?room=x", session) == 503
        assert time.monotonic() - began < SILENCE, "this took as long as the fault might have"
    wait_for(lambda: running.get("/jitsi/login?room=x", session) == 302, "logins again")
    wait_for(lambda: running.sign_in() == 303, "sign-ins again")
    wait_for(running.service.is_ready, "readyz")
    assert {worker.pid for worker in running.service.workers()} == pids
