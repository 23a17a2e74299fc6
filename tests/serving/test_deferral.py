from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.serving.harness import Server, answer_on, running


def test_an_answer_that_was_deferred_leaves_when_it_may(server: Server) -> None:
    assert server.get("/later/good") == (200, b"deferred")


def test_when_it_may_not_leave_the_request_is_answered_anew_without_a_deferral(server: Server) -> None:
    assert server.get("/later/bad") == (200, b"waited")
    assert server.post("/later/bad", b"a body") == (200, b"waited: a body")


def test_when_nobody_knows_what_happened_it_is_not_answered_anew(server: Server) -> None:
    status, _ = server.get("/later/unknown")
    assert status == 503
    assert server.get("/later/good") == (200, b"deferred")


def test_an_application_that_fails_after_it_asked_for_a_deferral_is_an_error_at_once(server: Server) -> None:
    status, _ = server.get("/later-and-fail")
    assert status == 500


def test_the_content_of_an_answer_may_come_later(server: Server) -> None:
    for content in (b"", b"longer than what stood there first"):
        assert server.post("/content-later/0.0", content) == (200, content)


@pytest.mark.server
def test_answers_that_wait_hold_no_thread_and_are_counted(log: Path) -> None:
    with running(log, workers=1, threads=1, waiting=4) as server, ExitStack() as open_clients:
        clients = [open_clients.enter_context(server.connect()) for _ in range(8)]
        for number, client in enumerate(clients):
            head = b"POST /content-later/2.0 HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n"
            client.sendall(head + b"%d" % number)
        answers = [answer_on(client) for client in clients]
        good = [(200, b"%d" % number) for number in range(8)]
        waited = sum(answer == wanted for answer, wanted in zip(answers, good, strict=True))
        assert 4 <= waited <= 5, "with one thread, which may be at work on a fifth"
        assert {status for status, _ in answers} == {200, 503}
        assert server.post("/content-later/0.0", b"again") == (200, b"again")
