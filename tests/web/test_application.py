"""What the application leaves out of Flask changes nothing for a browser."""

import io

import pytest
from flask import request
from werkzeug.test import create_environ

from issuer.app import BODY_LIMIT
from issuer.runtime import ReceivedBody
from issuer.serving import ServeOptions
from issuer.web.application import Application, PreparedResponse, request_in_hand


@pytest.fixture
def site() -> Application:
    app = Application("test", "https://issuer.example.com/")

    @app.get("/text")
    def text() -> PreparedResponse:
        return PreparedResponse(
            b"text", headers=[("Content-Type", "text/plain"), ("X-Order", "1"), ("X-Order", "2")]
        )

    @app.get("/away")
    def away() -> PreparedResponse:
        return PreparedResponse(
            status="302 FOUND", headers=[("Location", "https://meet.example.com/é?a=%C3%A9")]
        )

    return app


def test_a_complete_answer_has_its_content_and_no_other_headers(site: Application) -> None:
    answer = site.test_client().get("/text")
    assert (answer.status, answer.data) == ("200 OK", b"text")
    assert list(answer.headers) == [("Content-Type", "text/plain"), ("X-Order", "1"), ("X-Order", "2")]


def test_an_answer_to_head_has_no_content(site: Application) -> None:
    answer = site.test_client().head("/text")
    assert (answer.status, answer.data, answer.content_type) == ("200 OK", b"", "text/plain")


def test_an_address_is_left_as_it_is(site: Application) -> None:
    answer = site.test_client().get("/away")
    assert (answer.status, answer.data) == ("302 FOUND", b"")
    assert list(answer.headers) == [("Location", "https://meet.example.com/é?a=%C3%A9")]


def test_a_header_that_would_be_two_is_refused() -> None:
    with pytest.raises(ValueError, match="newline"):
        PreparedResponse(headers=[("Location", "https://meet.example.com/\r\nSet-Cookie: a=b")])


def test_the_request_in_hand_is_flask_s(site: Application) -> None:
    with site.test_request_context("/text?a=1"):
        assert request_in_hand() == request
        assert request_in_hand().query_string == b"a=1"
    with pytest.raises(RuntimeError):
        request_in_hand()


def test_what_is_registered_for_the_end_of_a_request_runs(site: Application) -> None:
    ended: list[BaseException | None] = []
    site.teardown_request(ended.append)
    site.test_client().get("/text")
    assert ended == [None]


def test_a_body_that_our_server_has_read_is_taken_as_it_is_and_another_s_with_care(site: Application) -> None:
    environ = create_environ(method="POST", data=b"12345678")
    with site.request_context({**environ, "wsgi.input": ReceivedBody(b"12345678")}):
        assert request.get_data() == b"12345678"
    with site.request_context({**environ, "wsgi.input": io.BytesIO(b"12345678 and more")}):
        assert request.get_data() == b"12345678"


def test_our_server_takes_bodies_no_larger_than_the_application_does() -> None:
    assert ServeOptions("127.0.0.1:0", 1, 1).body_limit == BODY_LIMIT


def test_a_form_is_read_from_a_body_that_our_server_has_read(site: Application) -> None:
    environ = create_environ(method="POST", data={"room": "b"})
    body = environ["wsgi.input"].read()
    with site.request_context({**environ, "wsgi.input": ReceivedBody(body)}):
        assert request.form["room"] == "b"
