"""Workers die and are replaced, or die with their parent; the address belongs to one server."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from tests.serving.harness import DEADLINE, Server, answer_on, running, until

pytestmark = pytest.mark.server


class Load:
    """Asks again and again, a new connection each time, from a few threads."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.answered_by: list[str] = []
        self.lost = 0
        self.slowest = 0.0
        self.over = threading.Event()
        self.threads = [threading.Thread(target=self._ask) for _ in range(4)]

    def _ask(self) -> None:
        while not self.over.is_set():
            began = time.monotonic()
            try:
                status, body = self.server.get()
            except (OSError, AssertionError):
                self.lost += 1
            else:
                assert status == 200
                self.answered_by.append(body.decode())
                self.slowest = max(self.slowest, time.monotonic() - began)


@contextmanager
def load(server: Server) -> Iterator[Load]:
    asking = Load(server)
    for thread in asking.threads:
        thread.start()
    try:
        yield asking
    finally:
        asking.over.set()
        for thread in asking.threads:
            thread.join()


def kill_one(server: Server) -> None:
    before = {child.pid for child in server.children()}
    victim = server.children()[0]
    victim.kill()
    until(
        lambda: victim.pid not in {c.pid for c in server.children()} and len(server.children()) == len(before)
    )


def test_a_killed_worker_is_replaced_while_the_other_serves(server: Server) -> None:
    with load(server) as asking:
        until(lambda: len(set(asking.answered_by)) == 2)
        kill_one(server)
        until(lambda: len(set(asking.answered_by)) == 3)
    assert asking.lost <= 4, "only what the dead worker had in hand is lost"


def test_a_worker_may_die_again_and_again(server: Server) -> None:
    with load(server) as asking:
        for _ in range(4):
            kill_one(server)
        until(lambda: len(set(asking.answered_by)) >= 3)
        assert server.process.poll() is None
        before = len(asking.answered_by)
        until(lambda: len(asking.answered_by) > before + 100)
    assert server.stop() == 0


def stands_still(process: psutil.Process) -> bool:
    """Tell whether every thread is stopped: a signal reaches those on other cores a little later."""
    states = [path.read_text().rpartition(")")[2].split()[0] for path in threads_of(process)]
    return set(states) == {"T"}


def threads_of(process: psutil.Process) -> list[Path]:
    return list(Path(f"/proc/{process.pid}/task").glob("*/stat"))


def test_a_connection_made_while_no_worker_lives_is_answered_by_the_successor(log: Path) -> None:
    with running(log, workers=1) as server:
        victim = server.children()[0]
        victim.suspend()
        until(lambda: stands_still(victim))
        with server.connect() as connection:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            victim.kill()
            status, body = answer_on(connection)
        assert status == 200
        assert body.decode() != str(victim.pid)


def test_workers_die_with_a_killed_parent_and_leave_no_listener(log: Path) -> None:
    with running(log) as server:
        workers = server.children()
        assert len(workers) == 2
        server.process.kill()
        server.process.wait()
        _, alive = psutil.wait_procs(workers, DEADLINE)
        assert not alive
        with pytest.raises(ConnectionRefusedError):
            server.connect()
        with running(log, port=server.port) as successor:
            assert successor.get()[0] == 200


def test_a_second_server_on_the_address_is_refused(log: Path, tmp_path: Path, server: Server) -> None:
    for bind in (f"127.0.0.1:{server.port}", f":{server.port}"):
        second = Server(tmp_path / "second", port=server.port, bind=bind)
        output, _ = second.process.communicate(timeout=DEADLINE)
        assert (second.process.returncode, output) == (1, b"")
        assert f"{bind} is in use" in second.log.read_text()
    assert server.get()[0] == 200


def test_an_address_of_another_machine_is_refused(tmp_path: Path) -> None:
    server = Server(tmp_path / "log", bind="192.0.2.1:8080")
    output, _ = server.process.communicate(timeout=DEADLINE)
    assert (server.process.returncode, output) == (1, b"")
    assert "cannot listen on 192.0.2.1:8080: Cannot assign requested address" in server.log.read_text()


def test_an_application_that_does_not_load_stops_the_start(tmp_path: Path) -> None:
    server = Server(tmp_path / "log", app="broken")
    output, _ = server.process.communicate(timeout=DEADLINE)
    assert (server.process.returncode, output) == (1, b"")
    text = server.log.read_text()
    assert "cannot start: worker-" in text
    assert text.count("ValueError: the store is on fire") == 1
    with pytest.raises(ConnectionRefusedError):
        server.connect()


def test_requests_in_flight_finish_when_the_server_stops(log: Path, tmp_path: Path) -> None:
    stopped = tmp_path / "stopped"
    stopped.mkdir()
    with running(log, stopped=str(stopped)) as server:
        workers = {str(worker.pid) for worker in server.children()}
        with server.connect() as idle, server.connect() as busy:
            idle.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            answer_on(idle)
            busy.sendall(b"GET /slow/1.5 HTTP/1.1\r\nHost: a\r\n\r\n")
            until(lambda: connections(server) >= 2)
            began = time.monotonic()
            server.process.terminate()
            assert answer_on(busy) == (200, b"slow")
            assert server.process.wait(DEADLINE) == 0
        assert time.monotonic() - began < 10, "an idle connection does not hold up the stop"
        assert {path.name for path in stopped.iterdir()} == workers


def test_a_request_that_does_not_finish_does_not_hold_up_the_stop_for_ever(log: Path) -> None:
    with running(log, stop_seconds=0.5) as server, server.connect() as busy:
        busy.sendall(b"GET /slow/60.0 HTTP/1.1\r\nHost: a\r\n\r\n")
        until(lambda: connections(server) >= 1)
        assert server.stop() == 0
    assert "did not finish in time and is killed" in log.read_text()


def connections(server: Server) -> int:
    """Count the connections that workers have taken from the queue."""
    taken = [c for worker in server.children() for c in worker.net_connections("tcp")]
    return sum(1 for c in taken if c.status == psutil.CONN_ESTABLISHED)


def test_connections_are_spread_over_the_workers(server: Server) -> None:
    answered = {server.get()[1] for _ in range(60)}
    assert answered == {str(worker.pid).encode() for worker in server.children()}


def test_the_listeners_are_not_inherited_by_other_workers(server: Server) -> None:
    for worker in server.children():
        listening = [c for c in worker.net_connections("tcp") if c.status == psutil.CONN_LISTEN]
        assert len(listening) == 1


def test_ipv6(log: Path) -> None:
    with running(log, bind="[::1]:0") as server:
        parent = [c for c in server.status.net_connections("tcp") if c.status == psutil.CONN_LISTEN]
        with socket.create_connection(("::1", parent[0].laddr.port), timeout=DEADLINE) as connection:
            connection.sendall(b"GET /environ HTTP/1.1\r\nHost: a\r\n\r\n")
            assert b'"REMOTE_ADDR":"::1"' in answer_on(connection)[1].replace(b" ", b"")
