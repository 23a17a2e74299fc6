"""TLS of our own: whose connection one is, what ends it, and what does not."""

import asyncio
import socket
import ssl
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from issuer.serving.connections.inner import LONGEST_PATH, client_of, connect, inner_listeners
from issuer.serving.connections.records import TlsSide
from issuer.serving.connections.tls import HANDSHAKE_SECONDS
from issuer.serving.options import StartError
from tests.serving.harness import DEADLINE, Server, answer_on, running, until
from tests.serving.test_processes import stands_still

pytestmark = pytest.mark.server

GET = b"GET %s HTTP/1.1\r\nHost: a\r\n\r\n"
Dial = Callable[..., ssl.SSLSocket]


def dial(server: Server, certificate: str, address: str = "127.0.0.1") -> ssl.SSLSocket:
    """Connect from an address, and shake hands."""
    context = ssl.create_default_context(cafile=certificate)
    return context.wrap_socket(connect_from(server, address), server_hostname="localhost")


def connect_from(server: Server, address: str) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), DEADLINE, (address, 0))


def processes(server: Server) -> tuple[psutil.Process, psutil.Process]:
    """Return the one that speaks TLS, and its worker."""
    front, worker = sorted(server.children(), key=lambda child: not child.net_connections("tcp"))
    return front, worker


def test_the_application_sees_the_client(log: Path, files: dict[str, str]) -> None:
    with running(log, **files) as server, dial(server, files["tls_certificate"], "127.0.0.7") as connection:
        connection.sendall(GET % b"/environ")
        answer = answer_on(connection)[1].replace(b" ", b"")
    for item in (b'"REMOTE_ADDR":"127.0.0.7"', b'"wsgi.url_scheme":"https"', b'"SERVER_PORT":"443"'):
        assert item in answer


def test_a_whole_answer_leaves_before_its_connection_ends(log: Path, files: dict[str, str]) -> None:
    with running(log, **files) as server, dial(server, files["tls_certificate"]) as connection:
        connection.sendall(b"GET /bytes/3000000 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        status, body = answer_on(connection)
        assert (status, len(body)) == (200, 3000000)
        assert connection.recv(1) == b""


def test_of_one_address_those_who_were_silent_for_longest_go(log: Path, files: dict[str, str]) -> None:
    options = {"workers": 1, "connections_per_address": 5, **files}
    with running(log, **options) as server, ExitStack() as stack:
        pem = files["tls_certificate"]
        neighbour = stack.enter_context(dial(server, pem, "127.0.0.3"))
        halves = [stack.enter_context(connect_from(server, "127.0.0.2")) for _ in range(20)]
        full = [stack.enter_context(dial(server, pem, "127.0.0.2")) for _ in range(5)]
        for connection in [neighbour, *full]:
            connection.sendall(GET % b"/")
            assert answer_on(connection)[0] == 200
        for half in halves:
            half.settimeout(HANDSHAKE_SECONDS / 2)
            assert ended(half)


def ended(connection: socket.socket) -> bool:
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True


def test_requests_in_flight_finish_when_the_server_stops(log: Path, files: dict[str, str]) -> None:
    with running(log, workers=1, **files) as server:
        pem = files["tls_certificate"]
        with dial(server, pem) as busy, dial(server, pem) as idle, connect_from(server, "127.0.0.1"):
            idle.sendall(GET % b"/")
            answer_on(idle)
            busy.sendall(GET % b"/slow/1.5")
            worker = processes(server)[1]
            until(lambda: len(worker.net_connections("unix")) >= 2)
            server.process.terminate()
            assert answer_on(busy) == (200, b"slow")
            assert server.process.wait(DEADLINE) == 0
    assert "is killed" not in log.read_text()


def test_each_of_the_two_processes_may_die(log: Path, files: dict[str, str]) -> None:
    with running(log, workers=1, **files) as server:
        for victim in (0, 1):
            dead = processes(server)[victim]
            dead.kill()
            until(lambda dead=dead: dead.pid not in {c.pid for c in server.children()})  # type: ignore[misc]
            until(lambda: len(server.children()) == 2)
            with dial(server, files["tls_certificate"]) as connection:
                connection.sendall(GET % b"/")
                assert answer_on(connection)[0] == 200
    assert log.read_text().count("and is replaced") == 2


def test_a_stopped_process_that_speaks_tls_is_replaced(log: Path, files: dict[str, str]) -> None:
    with running(log, workers=1, answer_seconds=1.0, **files) as server:
        front = processes(server)[0]
        front.suspend()
        until(lambda: stands_still(front))
        with dial(server, files["tls_certificate"]) as connection:
            connection.sendall(GET % b"/")
            assert answer_on(connection)[0] == 200
    assert f"tls-1 (process {front.pid}) has not answered for 1 s and is killed" in log.read_text()


def test_a_client_gone_in_the_middle_is_forgotten(log: Path, files: dict[str, str]) -> None:
    with running(log, workers=1, **files) as server:
        front, worker = processes(server)
        before = front.num_fds(), worker.num_fds()
        for _ in range(20):
            dial(server, files["tls_certificate"]).close()
            connect_from(server, "127.0.0.1").close()
            with dial(server, files["tls_certificate"]) as connection:
                connection.sendall(GET % b"/bytes/3000000")
        until(lambda: front.num_fds() <= before[0] and worker.num_fds() <= before[1] + 2)
        assert "Traceback" not in log.read_text()


def test_without_room_it_waits_and_goes_on(log: Path, files: dict[str, str]) -> None:
    with running(log, workers=1, **files) as server:
        front = processes(server)[0]
        taken = lowest_free(front)
        psutil.Process(front.pid).rlimit(psutil.RLIMIT_NOFILE, (taken, taken + 100))
        with connect_from(server, "127.0.0.1") as waiting:
            until(lambda: "no room for another connection: Too many open files" in log.read_text())
            before = sum(front.cpu_times()[:2])
            until(lambda: log.read_text().count("no room for another connection") >= 3)
            assert sum(front.cpu_times()[:2]) - before < 1, "it does not spin"
            psutil.Process(front.pid).rlimit(psutil.RLIMIT_NOFILE, (taken + 100, taken + 100))
            context = ssl.create_default_context(cafile=files["tls_certificate"])
            with context.wrap_socket(waiting, server_hostname="localhost") as connection:
                connection.sendall(GET % b"/")
                assert answer_on(connection)[0] == 200


@pytest.mark.parametrize(
    ("sent", "alert"), [(b"\x16\x03\x01\x00\x04\x01\x00\x00\x00", b"\x15"), (GET % b"/", b"")]
)
def test_what_is_no_tls_is_told_so_and_ends(
    log: Path, files: dict[str, str], sent: bytes, alert: bytes
) -> None:
    with running(log, **files) as server, connect_from(server, "127.0.0.1") as connection:
        connection.sendall(sent)
        assert connection.recv(1) == alert
        with dial(server, files["tls_certificate"]) as other:
            other.sendall(GET % b"/")
            assert answer_on(other)[0] == 200
    assert "Traceback" not in log.read_text()


@given(st.binary(max_size=2000))
def test_no_bytes_of_a_stranger_are_too_much(sent: bytes) -> None:
    async def receive() -> None:
        side = TlsSide(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), lambda: None)
        side.data_received(sent)
        side.data_received(sent)
        assert not side.shook_hands.done()

    asyncio.run(receive())


def lowest_free(process: psutil.Process) -> int:
    taken = {int(entry.name) for entry in Path(f"/proc/{process.pid}/fd").iterdir()}
    return min(number for number in range(len(taken) + 1) if number not in taken)


@pytest.mark.real
@pytest.mark.parametrize("beginning", [b"", b"\x16\x03\x01"])
def test_a_handshake_has_ten_seconds(log: Path, files: dict[str, str], beginning: bytes) -> None:
    with running(log, **files) as server, connect_from(server, "127.0.0.1") as connection:
        connection.sendall(beginning)
        connection.settimeout(DEADLINE)
        assert ended(connection)


@pytest.mark.real
def test_who_never_reads_is_closed(log: Path, files: dict[str, str]) -> None:
    with running(log, workers=1, **files) as server:
        front, worker = processes(server)
        before = front.num_fds(), worker.num_fds()
        with dial(server, files["tls_certificate"]) as connection:
            connection.settimeout(0.5)
            with pytest.raises(TimeoutError):
                connection.sendall((GET % b"/bytes/1000000") * 500000)
            assert front.num_fds() > before[0]
            until(lambda: front.num_fds() == before[0] and worker.num_fds() <= before[1] + 1, 60)


def test_a_name_is_whose_connection_it_is() -> None:
    with inner_listeners(1) as (listener,):
        listener.settimeout(DEADLINE)
        for address in ("203.0.113.5", "2001:db8:1111:2222:3333:4444:5555:6666", "fe80::1%eth0", ""):
            with connect(listener.getsockname(), address, 65535):
                accepted, name = listener.accept()
                accepted.close()
            assert client_of(name) == (address, "65535")


def test_a_path_that_is_too_long_for_names_stops_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = tmp_path / ("x" * LONGEST_PATH)
    deep.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(deep))
    with pytest.raises(StartError, match="shorter path"), inner_listeners(1):
        pass
    monkeypatch.setattr("tempfile.tempdir", str(deep / "missing"))
    with pytest.raises(StartError, match="directory for temporary files"), inner_listeners(1):
        pass
