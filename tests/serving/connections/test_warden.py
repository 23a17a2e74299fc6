"""Plain connections: too many of one address, too many in all, and when no descriptor is left."""

import socket
from contextlib import ExitStack
from pathlib import Path

import pytest

from issuer.serving.connections.warden import borrowed, silence
from tests.serving.harness import DEADLINE, Server, answer_on, running, until

pytestmark = pytest.mark.server

DISTINCT = 50
"""Milliseconds of silence that the kernel, which counts in ticks, tells apart from none."""
GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


def connect(server: Server, address: str) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), DEADLINE, (address, 0))


def ends(connection: socket.socket) -> bool:
    """Tell whether the server has closed a connection."""
    connection.setblocking(False)
    try:
        return connection.recv(1, socket.MSG_PEEK) == b""
    except BlockingIOError:
        return False
    except ConnectionResetError:
        return True
    finally:
        connection.settimeout(DEADLINE)


def test_of_one_address_those_who_were_silent_for_longest_go(log: Path) -> None:
    with running(log, workers=1, connections_per_address=10) as server, ExitStack() as stack:
        old = [stack.enter_context(connect(server, "127.0.0.2")) for _ in range(10)]
        neighbour = stack.enter_context(connect(server, "127.0.0.3"))
        until(lambda: silence(neighbour) > DISTINCT)
        old[0].sendall(GET)
        answer_on(old[0])
        new = [stack.enter_context(connect(server, "127.0.0.2")) for _ in range(5)]
        until(lambda: sum(ends(connection) for connection in old) == 5)
        for connection in [old[0], neighbour, *new]:
            connection.sendall(GET)
            assert answer_on(connection)[0] == 200


def test_proxies_are_not_counted(log: Path) -> None:
    options = {"workers": 1, "connections_per_address": 3, "trusted_proxies": ["127.0.0.2/32"]}
    with running(log, **options) as server, ExitStack() as stack:
        proxy = [stack.enter_context(connect(server, "127.0.0.2")) for _ in range(10)]
        others = [stack.enter_context(connect(server, "127.0.0.3")) for _ in range(10)]
        until(lambda: sum(ends(connection) for connection in others) == 7)
        for connection in proxy:
            connection.sendall(GET)
            assert answer_on(connection)[0] == 200


def test_when_all_are_too_many_those_who_were_silent_for_longest_go(log: Path) -> None:
    with running(log, workers=1, files=128) as server, ExitStack() as stack:
        for number in range(200):
            stack.enter_context(connect(server, f"127.0.1.{number + 1}"))
        assert server.get()[0] == 200


def test_when_no_descriptor_is_left_connections_go(log: Path) -> None:
    with running(log, workers=1, files=128) as server, ExitStack() as stack:
        idle = [stack.enter_context(connect(server, f"127.0.1.{number + 1}")) for number in range(40)]
        (worker,) = server.children()
        until(lambda: worker.num_fds() > 40)
        until(lambda: silence(idle[-1]) > DISTINCT)
        assert server.get("/hoard") == (200, b"none is left")
        until(lambda: worker.num_fds() < 128)
        assert server.get()[0] == 200


def test_what_is_borrowed_is_left_open(tmp_path: Path) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs, (tmp_path / "file").open("wb") as file:
        with borrowed(ours.fileno()) as connection:
            connection.send(b"x")
        assert theirs.recv(1) == b"x"
        with pytest.raises(OSError, match="non-socket"), borrowed(file.fileno()):
            pass
        file.write(b"still open")


def test_silence_counts_from_what_was_last_sent_or_received() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        socket.create_connection(listener.getsockname()) as client,
        listener.accept()[0] as accepted,
    ):
        until(lambda: silence(accepted) > 100)
        client.sendall(b"x")
        until(lambda: silence(accepted) < 100)
        until(lambda: silence(accepted) > 100)
        accepted.sendall(b"x")
        until(lambda: silence(accepted) < 100)
