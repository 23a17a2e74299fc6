from tests.serving.harness import Server


def test_an_answer_that_was_deferred_leaves_when_it_may(server: Server) -> None:
    assert server.get("/later/good") == (200, b"deferred")


def test_when_it_may_not_leave_the_request_is_answered_anew_without_a_deferral(server: Server) -> None:
    assert server.get("/later/bad") == (200, b"waited")
    assert server.post("/later/bad", b"a body") == (200, b"waited: a body")


def test_an_application_that_fails_after_it_asked_for_a_deferral_is_an_error_at_once(server: Server) -> None:
    status, _ = server.get("/later-and-fail")
    assert status == 500
