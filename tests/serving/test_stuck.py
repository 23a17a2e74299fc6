"""Processes that are alive and do not get on are replaced; one that cannot be had is asked for again."""

import os
import signal
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.serving.harness import DEADLINE, Server, answer_on, free_port, running, until
from tests.serving.test_processes import connections, kill_one, stands_still

pytestmark = pytest.mark.server

SOON: dict[str, Any] = {"answer_seconds": 1.0}
GET = b"GET %s HTTP/1.1\r\nHost: a\r\n\r\n"


def says(server: Server, text: str) -> None:
    until(lambda: text in server.log.read_text())


def stop(process: psutil.Process) -> None:
    process.suspend()
    until(lambda: stands_still(process))


def test_a_stopped_worker_is_replaced_and_whoever_waits_for_it_is_answered(log: Path) -> None:
    with running(log, workers=1, **SOON) as server:
        (stuck,) = server.children()
        stop(stuck)
        with server.connect() as connection:
            connection.sendall(GET % b"/")
            status, body = answer_on(connection)
        assert status == 200
        assert body.decode() != str(stuck.pid)
    assert f"worker-1 (process {stuck.pid}) has not answered for 1 s and is killed" in log.read_text()


def test_one_whose_interpreter_hangs_is_replaced(log: Path) -> None:
    with running(log, workers=1, **SOON) as server, server.connect() as connection:
        (stuck,) = server.children()
        connection.sendall(GET % b"/never")
        says(server, f"worker-1 (process {stuck.pid}) has not answered for 1 s and is killed")
        until(lambda: len(server.children()) == 1)
        assert server.get()[0] == 200


def test_a_stopped_exporter_is_replaced(log: Path) -> None:
    with running(log, app="counting", metrics_bind=f"127.0.0.1:{free_port()}", **SOON) as server:
        assert server.get()[0] == 200
        for child in server.children():
            stop(child)
        says(server, "metrics (process")
        until(lambda: log.read_text().count("has not answered for 1 s and is killed") == 3)


def test_busy_request_threads_are_no_reason(log: Path) -> None:
    with running(log, workers=1, threads=1, **SOON) as server:
        (busy,) = server.children()
        assert server.get("/slow/3.0") == (200, b"slow")
        assert server.get() == (200, str(busy.pid).encode())
    assert "replaced" not in log.read_text()


def test_nobody_is_late_after_a_stop_of_them_all(log: Path) -> None:
    with running(log, **SOON) as server:
        everybody = [server.status, *server.children()]
        for process in everybody:
            process.suspend()
        until(lambda: all(stands_still(process) for process in everybody))
        with server.connect() as connection:
            connection.settimeout(3.0)
            with pytest.raises(TimeoutError):
                connection.recv(1)
        for process in everybody:
            process.resume()
        assert server.get()[0] == 200
        until(lambda: len({server.get()[1] for _ in range(20)}) == 2)
        assert {child.pid for child in server.children()} == {child.pid for child in everybody[1:]}
    assert "replaced" not in log.read_text()


REFUSED = "the system refuses a new process: Resource temporarily unavailable. Raise the limit of processes"


def test_a_refused_process_stops_the_start_with_its_cause(tmp_path: Path, log: Path) -> None:
    # each process is two forks, one of which only tries
    server = Server(log, forks=3, remedy=str(tmp_path / "remedy"))
    output, _ = server.process.communicate(timeout=DEADLINE)
    assert (server.process.returncode, output) == (1, b"")
    assert f"cannot start: worker-2: {REFUSED}" in log.read_text()
    assert "Traceback" not in log.read_text()


def test_a_refused_successor_is_asked_for_again(tmp_path: Path, log: Path) -> None:
    remedy = tmp_path / "remedy"
    with running(log, forks=4, remedy=str(remedy)) as server:
        server.children()[0].kill()
        says(server, REFUSED)
        assert server.process.poll() is None
        assert len(server.children()) == 1
        remedy.touch()
        until(lambda: len(server.children()) == 2)
        kill_one(server)
        until(lambda: len({server.get()[1] for _ in range(20)}) == 2)
    assert "Traceback" not in log.read_text()


def test_who_still_works_finishes_when_a_server_without_successor_stops(tmp_path: Path, log: Path) -> None:
    stopped = tmp_path / "stopped"
    stopped.mkdir()
    options = {"forks": 4, "remedy": str(tmp_path / "remedy"), "stopped": str(stopped)}
    with running(log, **options) as server, server.connect() as busy:
        busy.sendall(GET % b"/slow/1.5")
        until(lambda: connections(server) == 1)
        (idle,) = [child for child in server.children() if not busy_with_one(child)]
        idle.kill()
        says(server, REFUSED)
        os.kill(server.process.pid, signal.SIGTERM)
        assert answer_on(busy) == (200, b"slow")
        assert server.process.wait(DEADLINE) == 0
    assert len([*stopped.iterdir()]) == 1
    assert "Traceback" not in log.read_text()


def busy_with_one(worker: psutil.Process) -> bool:
    return any(one.status == psutil.CONN_ESTABLISHED for one in worker.net_connections("tcp"))
