"""Bodies that are too large, too slow or broken off are refused, and hold nobody up."""

import json
import socket
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.serving.harness import Server, answer_on, running, until

LIMIT = 65536
CHUNKED = b"POST /length HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
FORM = b"Content-Type: application/x-www-form-urlencoded\r\n"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, programs: None) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("serving") / "log", body_seconds=1.0) as started:
        yield started


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


@pytest.mark.parametrize("length", [0, 1, LIMIT])
def test_a_body_within_the_limit_arrives(server: Server, length: int) -> None:
    assert server.post("/length", b"x" * length) == (200, str(length).encode())


def test_a_chunked_body_arrives(server: Server) -> None:
    body = chunk(b"x" * 40000) + chunk(b"x" * (LIMIT - 40000)) + chunk(b"")
    assert server.ask(CHUNKED + body) == (200, str(LIMIT).encode())
    assert server.ask(CHUNKED + chunk(b"")) == (200, b"0")


def test_a_body_that_the_application_does_not_read_leaves_the_connection_usable(server: Server) -> None:
    with server.connect() as connection:
        for _ in range(2):
            connection.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc")
            assert answer_on(connection)[0] == 200


@pytest.mark.parametrize("sent", [0, LIMIT + 1])
def test_a_declared_body_over_the_limit_gets_413(server: Server, sent: int) -> None:
    head = b"POST /length HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % (LIMIT + 1)
    status, text = server.ask(head + b"x" * sent)
    assert (status, text) == (413, b"The body of this request is too large.\n")


def test_after_413_the_rest_of_a_declared_body_is_read_so_that_the_answer_is_not_lost(server: Server) -> None:
    with server.connect() as connection:
        connection.sendall(b"POST /length HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % (LIMIT * 4))
        for _ in range(4):
            connection.sendall(b"x" * LIMIT)
        assert answer_on(connection)[0] == 413
        connection.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert answer_on(connection)[0] == 200


MUCH = b"Authorization: Bearer of much\r\n"


@pytest.mark.parametrize("length", [0, LIMIT, LIMIT + 1, 1024 * 1024])
def test_who_may_send_more(server: Server, length: int) -> None:
    assert server.post("/length", b"x" * length, MUCH) == (200, str(length).encode())
    chunks = b"".join(chunk(b"x" * part) for part in (length // 2, length - length // 2) if part)
    head = CHUNKED.replace(b"Host", MUCH + b"Host")
    assert server.ask(head + chunks + chunk(b"")) == (200, str(length).encode())


def test_who_may_send_more_sends_too_much(server: Server) -> None:
    assert server.post("/length", b"x" * (1024 * 1024 + 1), MUCH)[0] == 413
    assert server.post("/length", b"x" * (LIMIT + 1), b"Authorization: Bearer of little\r\n")[0] == 413
    assert server.post("/length", b"x" * (LIMIT + 1), MUCH * 2)[0] == 413
    assert server.post("/form", b"x" * (LIMIT + 1), MUCH)[0] == 413


def test_a_large_body_that_stops_coming_gets_408(server: Server) -> None:
    head = b"POST /length HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n%s\r\n" % (LIMIT + 1, MUCH)
    assert server.ask(head + b"x" * 9)[0] == 408


def test_a_chunked_body_over_the_limit_gets_413(server: Server) -> None:
    assert server.ask(CHUNKED + chunk(b"x" * (LIMIT + 1)))[0] == 413


@pytest.mark.parametrize(
    "half", [b"Content-Length: 9\r\n\r\nhalf", b"Transfer-Encoding: chunked\r\n\r\n9\r\nhalf"]
)
def test_a_body_that_stops_coming_gets_408(server: Server, half: bytes) -> None:
    assert server.ask(b"POST /length HTTP/1.1\r\nHost: a\r\n" + half)[0] == 408


def test_a_body_that_trickles_gets_408(server: Server) -> None:
    with server.connect() as connection:
        connection.sendall(b"POST /length HTTP/1.1\r\nHost: a\r\nContent-Length: 9999\r\n\r\n")
        connection.settimeout(0.1)
        until(lambda: trickle(connection))
        connection.settimeout(10)
        assert answer_on(connection)[0] == 408


def trickle(connection: socket.socket) -> bool:
    connection.sendall(b"x")
    try:
        return bool(connection.recv(1, socket.MSG_PEEK))
    except TimeoutError:
        return False


@pytest.mark.parametrize(
    "half", [b"Content-Length: 9\r\n\r\nhalf", b"Transfer-Encoding: chunked\r\n\r\n" + chunk(b"half")]
)
def test_a_body_that_breaks_off_never_reaches_the_application(server: Server, half: bytes) -> None:
    with server.connect() as connection:
        connection.sendall(b"POST /length HTTP/1.1\r\nHost: a\r\n" + half)
        connection.shutdown(socket.SHUT_WR)
        assert answer_on(connection)[0] == 400


def test_a_client_that_waits_for_100_continue_gets_it(server: Server) -> None:
    with server.connect() as connection:
        head = b"POST /length HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: "
        connection.sendall(head + b"4\r\n\r\n")
        assert answer_on(connection)[0] == 100
        connection.sendall(b"body")
        assert answer_on(connection) == (200, b"4")
        connection.sendall(head + b"99999\r\n\r\n")
        assert answer_on(connection)[0] == 413


def median_seconds(action: Callable[[], object], count: int) -> float:
    times = []
    for _ in range(count):
        began = time.perf_counter()
        action()
        times.append(time.perf_counter() - began)
    return statistics.median(times)


@pytest.mark.server
def test_two_hundred_half_bodies_delay_nobody(log: Path) -> None:
    with running(log, body_seconds=60.0) as server, ExitStack() as open_clients:

        def ask() -> None:
            assert server.get()[0] == 200

        def send_form() -> None:
            assert server.post("/form", b"name=dwho", FORM) == (200, b"dwho")

        quiet = median_seconds(ask, 50), median_seconds(send_form, 50)
        clients = [open_clients.enter_context(server.connect()) for _ in range(200)]
        for client in clients:
            client.sendall(b"POST /form HTTP/1.1\r\nHost: a\r\n" + FORM + b"Content-Length: 9\r\n\r\nname")
        crowded = median_seconds(ask, 50), median_seconds(send_form, 50)
        assert crowded[0] < 20 * quiet[0]
        assert crowded[1] < 20 * quiet[1]
        for client in clients:
            client.sendall(b"=dwho")
            assert answer_on(client) == (200, b"dwho"), "each was waiting all the time"


@pytest.mark.server
def test_requests_that_find_the_queue_full_get_503(log: Path) -> None:
    with running(log, workers=1, threads=1, waiting=2) as server, ExitStack() as open_clients:
        clients = [open_clients.enter_context(server.connect()) for _ in range(6)]
        for client in clients:
            client.sendall(b"GET /slow/1.0 HTTP/1.1\r\nHost: a\r\n\r\n")
        statuses = [answer_on(client)[0] for client in clients]
        assert set(statuses) == {200, 503}
        assert statuses.count(200) in {2, 3}, "two may wait beside one at work"
        assert server.get()[0] == 200


def test_a_request_beyond_recognition_is_refused(server: Server) -> None:
    for request in (
        b"\x00\x01\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    ):
        assert server.ask(request)[0] == 400


def test_a_header_beyond_measure_gets_431(server: Server) -> None:
    assert server.get("/", b"X-Long: %s\r\n" % (b"x" * 4 * LIMIT))[0] == 431


def test_a_length_beside_chunks_is_not_believed(server: Server) -> None:
    """RFC 9112 §6.3: Transfer-Encoding overrides Content-Length."""
    request = CHUNKED[:-2] + b"Content-Length: 3\r\n\r\n" + chunk(b"hello") + chunk(b"")
    assert server.ask(request) == (200, b"5")
    environ = request.replace(b"/length", b"/environ")
    seen = json.loads(server.ask(environ.replace(b"POST", b"GET"))[1])
    assert seen["CONTENT_LENGTH"] == "5"
    assert "HTTP_TRANSFER_ENCODING" not in seen
