"""What the application sees of a request."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.wrappers import Request

from issuer.serving.wsgi import AsgiScope, environ_of
from tests.serving.harness import Server


def scope(path: str = "/", client: str = "192.0.2.7", headers: Any = ()) -> AsgiScope:
    return {
        "method": "GET",
        "path": path,
        "query_string": b"",
        "http_version": "1.1",
        "scheme": "https",
        "client": (client, "5"),
        "server": ("::1", "8443"),
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in headers],
    }


TOKEN = st.text("abcdefghijklmnopqrstuvwxyz0123456789!#$%&'*+-.^_`|~", min_size=1)
VALUE = st.text(st.characters(min_codepoint=32, max_codepoint=255))
OURS = environ_of(scope(), b"")


@given(path=st.text(st.characters(exclude_categories=["Cs"])), headers=st.lists(st.tuples(TOKEN, VALUE)))
def test_no_header_reaches_a_variable_of_the_server(path: str, headers: list[tuple[str, str]]) -> None:
    environ = environ_of(scope("/" + path, headers=[*headers, ("remote-addr", "forged"), ("_", "x")]), b"")
    assert Request(environ).path == "/" + path.lstrip("/")
    assert {key: environ[key] for key in OURS if isinstance(OURS[key], str) and key != "PATH_INFO"} == {
        key: value for key, value in OURS.items() if isinstance(value, str) and key != "PATH_INFO"
    }
    for key in set(environ) - set(OURS):
        assert key in {"CONTENT_TYPE", "werkzeug.request", "issuer.repeated"} or key.startswith("HTTP_")


@pytest.mark.parametrize("address", ["192.0.2.7", "2001:db8::1"])
def test_the_address_of_the_client(address: str) -> None:
    assert environ_of(scope(client=address), b"")["REMOTE_ADDR"] == address


def test_names_with_underscores_are_dropped() -> None:
    """They would be taken for the ones with hyphens, which a proxy in front has set or removed."""
    forged = [("x_forwarded_for", "1.1.1.1"), ("remote_user", "admin"), ("remote-user", "dwho")]
    environ = environ_of(scope(headers=forged), b"")
    assert "HTTP_X_FORWARDED_FOR" not in environ
    assert environ["HTTP_REMOTE_USER"] == "dwho"


def seen(server: Server, path: str, header: bytes = b"") -> dict[str, str]:
    status, body = server.get("/environ" + path, header)
    assert status == 200
    found: dict[str, str] = json.loads(body)
    return found


def test_the_environment_of_a_real_request(server: Server) -> None:
    header = (
        b"X-Twice: a\r\nX-Twice: b\r\nCookie: a=1\r\nCookie: b=\xe9\r\nRemote_User: x\r\nX-Name: \xc3\xbc\r\n"
    )
    environ = seen(server, "/a%20b%2Fc%C3%BC?q=%20x&q=y", header + b"Content-Type: text/plain\r\n")
    assert environ["PATH_INFO"].encode("latin-1").decode() == "/environ/a b/cü"
    assert environ["QUERY_STRING"] == "q=%20x&q=y"
    assert environ["HTTP_X_TWICE"] == "a, b"
    assert environ["HTTP_COOKIE"] == "a=1; b=\xe9"
    assert environ["CONTENT_TYPE"] == "text/plain"
    assert environ["HTTP_HOST"] == "a"
    assert environ["REQUEST_METHOD"] == "GET"
    assert environ["SERVER_PROTOCOL"] == "HTTP/1.1"
    assert environ["SERVER_PORT"] == str(server.port)
    assert (environ["REMOTE_ADDR"], environ["wsgi.url_scheme"]) == ("127.0.0.1", "http")
    assert not {"HTTP_REMOTE_USER", "HTTP_CONTENT_TYPE", "CONTENT_LENGTH"} & set(environ)
    assert environ["HTTP_X_NAME"].encode("latin-1").decode() == "ü"
    assert seen(server, "/x?room=ä")["QUERY_STRING"].encode("latin-1").decode() == "room=ä"


def test_undecodable_paths_and_other_forms_do_no_harm(server: Server) -> None:
    assert "\ufffd" in seen(server, "/%FF")["PATH_INFO"].encode("latin-1").decode()
    assert server.ask(b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n")[0] == 404
    assert server.ask(b"GET http://other.example/ HTTP/1.1\r\nHost: a\r\n\r\n")[0] == 200
    assert server.ask(b"GET / HTTP/1.0\r\n\r\n")[0] == 200


def test_head_has_the_length_and_no_body(server: Server) -> None:
    with server.connect() as connection:
        connection.sendall(b"HEAD /environ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        with connection.makefile("rb") as stream:
            answer = stream.read()
    assert answer.startswith(b"HTTP/1.1 200")
    assert b"\r\ncontent-length: 0" not in answer
    assert answer.endswith(b"\r\n\r\n")


@pytest.mark.parametrize("path", ["/fail", "/umlaut"])
def test_a_failing_application_gives_a_whole_500_and_the_server_goes_on(server: Server, path: str) -> None:
    for _ in range(6):
        assert server.get(path) == (500, b"Something went wrong here.\n")
    assert server.get()[0] == 200
    assert "the application failed" in server.log.read_text()
