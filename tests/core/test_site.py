"""What the application leaves out of Flask changes nothing for a browser."""

import pytest
from flask import request

from issuer.site import Complete, Site, request_in_hand


@pytest.fixture
def site() -> Site:
    app = Site("test", "https://issuer.example.com/")

    @app.get("/text")
    def text() -> Complete:
        return Complete(b"text", headers=[("Content-Type", "text/plain"), ("X-Order", "1"), ("X-Order", "2")])

    @app.get("/away")
    def away() -> Complete:
        return Complete(status="302 FOUND", headers=[("Location", "https://meet.example.com/é?a=%C3%A9")])

    return app


def test_a_complete_answer_has_its_content_and_no_other_headers(site: Site) -> None:
    answer = site.test_client().get("/text")
    assert (answer.status, answer.data) == ("200 OK", b"text")
    assert list(answer.headers) == [("Content-Type", "text/plain"), ("X-Order", "1"), ("X-Order", "2")]


def test_an_answer_to_head_has_no_content(site: Site) -> None:
    answer = site.test_client().head("/text")
    assert (answer.status, answer.data, answer.content_type) == ("200 OK", b"", "text/plain")


def test_an_address_is_left_as_it_is(site: Site) -> None:
    answer = site.test_client().get("/away")
    assert (answer.status, answer.data) == ("302 FOUND", b"")
    assert list(answer.headers) == [("Location", "https://meet.example.com/é?a=%C3%A9")]


def test_a_header_that_would_be_two_is_refused() -> None:
    with pytest.raises(ValueError, match="newline"):
        Complete(headers=[("Location", "https://meet.example.com/\r\nSet-Cookie: a=b")])


def test_the_request_in_hand_is_flask_s(site: Site) -> None:
    with site.test_request_context("/text?a=1"):
        assert request_in_hand() == request
        assert request_in_hand().query_string == b"a=1"
    with pytest.raises(RuntimeError):
        request_in_hand()


def test_what_is_registered_for_the_end_of_a_request_runs(site: Site) -> None:
    ended: list[BaseException | None] = []
    site.teardown_request(ended.append)
    site.test_client().get("/text")
    assert ended == [None]
