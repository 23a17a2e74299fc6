"""The header backend behind the real server, with connections from real addresses."""

import base64
import json
import re
import socket
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from issuer.backend import BackendServices
from issuer.backends.header import HeaderBackend, HeaderSettings
from issuer.errors import HeaderRefusedError
from issuer.settings.problems import ConfigError
from tests.gateway import BuildGateway, LocalGateway
from tests.service import Service, wait_for

PROXY, STRANGER = "127.0.0.1", "127.0.0.2"
SECTION: dict[str, Any] = {
    "trusted_addresses": [PROXY],
    "user_header": "X-Remote-User",
    "mail_header": "X-Remote-Mail",
    "name_header": "X-Remote-Name",
    "groups_header": "X-Remote-Groups",
}
CONFIGURATION = """\
public_url = "http://127.0.0.1:{port}/"

[server]
bind = "127.0.0.1:{port}"
workers = 1
trusted_proxies = ["127.0.0.0/8"]

[backends.header]
trusted_addresses = ["127.0.0.1"]
user_header = "X-Remote-User"
mail_header = "X-Remote-Mail"
name_header = "X-Remote-Name"
groups_header = "X-Remote-Groups"

[modules.jitsi]
server_url = "https://meet.example.com"
app_id = "jitsi"
algorithm = "RS256"
"""


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, programs: None) -> Iterator[Service]:
    running = Service(tmp_path_factory.mktemp("header"), CONFIGURATION)
    running.start()
    yield running
    running.stop()


def send(service: Service, *lines: bytes, source: str = PROXY, path: str = "/sessions") -> tuple[int, str]:
    """Send a request with these header lines from an address; return status and answer."""
    head = b"\r\n".join([f"GET {path} HTTP/1.1".encode(), b"Host: a", b"Connection: close", *lines])
    with socket.create_connection((PROXY, service.port), 30, (source, 0)) as connection:
        connection.sendall(head + b"\r\n\r\n")
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    text = answer.decode()
    return int(text.split(" ", 2)[1]), text


def events(service: Service, name: str) -> list[dict[str, Any]]:
    lines = (json.loads(line) for line in service.log.read_text().splitlines() if line.startswith("{"))
    return [line for line in lines if line.get("event") == name]


def sessions(service: Service) -> int:
    return len(service.shell.parts.store.sessions.all())


def assert_refused(service: Service, *lines: bytes, source: str = PROXY, reason: str) -> None:
    known, told = sessions(service), len(events(service, "header_refused"))
    status, text = send(service, *lines, source=source)
    assert status == 403, text
    assert "Set-Cookie" not in text
    wait_for(lambda: len(events(service, "header_refused")) > told, "the line in the log")
    line = events(service, "header_refused")[-1]
    assert (line["backend"], line["address"], line["level"]) == ("header", source, "WARNING")
    assert reason in line["reason"]
    assert sessions(service) == known


def test_the_proxy_signs_people_in(service: Service) -> None:
    head = [b"X-Remote-User: dwho", b"X-Remote-Mail: dwho@example.com", b"X-Remote-Name: Who, Doctor"]
    status, text = send(service, *head, b"X-Remote-Groups: staff, timelords,,")
    assert status == 200
    assert "Who, Doctor" in text
    (session,) = service.shell.parts.store.sessions.of("header", "dwho")
    assert session.identity.attributes == {"mail": "dwho@example.com", "cn": "Who, Doctor"}
    assert session.identity.groups == ("staff", "timelords")
    found = re.search(r"(?i)set-cookie: (issuer_session=[^;]+)", text)
    assert found
    cookie = f"Cookie: {found[1]}".encode()
    known = sessions(service)
    assert send(service, *head, cookie)[0] == 200
    assert sessions(service) == known
    # The cookie alone is nobody: neither with the header of another person, nor without, nor from elsewhere.
    assert send(service, cookie)[0] == 303
    assert send(service, *head, cookie, source=STRANGER)[0] == 403
    status, text = send(service, b"X-Remote-User: rtyler", cookie)
    assert "rtyler" in text
    assert "Who, Doctor" not in text
    assert send(service, *head, cookie)[0] == 200
    assert len(service.shell.parts.store.sessions.of("header", "dwho")) == 1


def test_a_header_from_elsewhere_is_refused(service: Service) -> None:
    """Header backend: the header from a foreign address, twice, with commas, empty, with control
    characters.
    """
    reason = "not in trusted_addresses"
    assert_refused(service, b"X-Remote-User: dwho", source=STRANGER, reason=reason)
    forwarded = b"X-Forwarded-For: 127.0.0.1"
    assert_refused(service, b"X-Remote-User: dwho", forwarded, source=STRANGER, reason=reason)
    assert_refused(service, b"X-Remote-Groups: staff", source=STRANGER, reason=reason)
    assert_refused(service, b"X-Remote-User:", source=STRANGER, reason=reason)
    # The client may be anywhere: the proxy's connection counts.
    client = b"X-Forwarded-For: 198.51.100.7"
    assert send(service, b"X-Remote-User: dwho", client)[0] == 200


def test_a_header_that_came_twice_is_refused(service: Service) -> None:
    """Header backend: the header from a foreign address, twice, with commas, empty, with control
    characters.
    """
    user = b"X-Remote-User: dwho"
    assert_refused(service, user, user, reason="twice")
    assert_refused(service, user, b"x-remote-user: rtyler", reason="twice")
    assert_refused(service, b"X-Remote-User:", user, reason="twice")
    for name in (b"Mail", b"Name", b"Groups"):
        line = b"X-Remote-" + name + b": a"
        assert_refused(service, user, line, line, reason="twice")
    # Past a proxy that takes this for another header.
    status, text = send(service, user, b"X_Remote_User: rtyler")
    assert status == 200
    assert "rtyler" not in text


def test_a_header_with_commas_is_refused(service: Service) -> None:
    """Header backend: the header from a foreign address, twice, with commas, empty, with control
    characters.
    """
    for value in (b"dwho,rtyler", b"dwho, rtyler", b",dwho", b"dwho,"):
        assert_refused(service, b"X-Remote-User: " + value, reason="comma")
    mail = b"X-Remote-Mail: dwho@example.com, root@example.com"
    assert_refused(service, b"X-Remote-User: dwho", mail, reason="comma")


def test_an_empty_header_signs_nobody_in(service: Service) -> None:
    """Header backend: the header from a foreign address, twice, with commas, empty, with control
    characters.
    """
    known = sessions(service)
    for line in (b"X-Remote-User:", b"X-Remote-User:    ", b"X-Remote-User: \t ", b"X-Remote-Mail: a@b"):
        status, text = send(service, line)
        assert (status, "ocation: /login?next=/sessions" in text) == (303, True), text
        status, text = send(service, line, path="/login?next=/sessions")
        assert (status, "cannot sign in" in text) == (403, True)
    assert sessions(service) == known


def test_a_header_with_control_characters_signs_nobody_in(service: Service) -> None:
    """Header backend: the header from a foreign address, twice, with commas, empty, with control
    characters.
    """
    known = sessions(service)
    for code in [*range(32), 127]:
        for value in (b"dw%cho" % code, b"dwho%cX-Remote-User: rtyler" % code):
            status, _ = send(service, b"X-Remote-User: " + value)
            assert status in {400, 403}, value
    assert sessions(service) == known
    assert_refused(service, b"X-Remote-User: dw\tho", reason="control characters")
    assert_refused(service, b"X-Remote-User: dwho", b"X-Remote-Name: a\tb", reason="control characters")


def test_letters_arrive_as_they_were_sent(service: Service) -> None:
    line = "X-Remote-User: zoë".encode()
    groups = "X-Remote-Groups: staff,lehrkräfte,banned".encode()
    assert send(service, line, groups)[0] == 200
    (session,) = service.shell.parts.store.sessions.of("header", "zoë")
    assert session.identity.groups == ("staff", "lehrkräfte", "banned")
    assert_refused(service, "X-Remote-User: \u202edwho".encode(), reason="control characters")
    for name in (b"User: zo\xeb", b"User: dwho\r\nX-Remote-Groups: lehrkr\xe4fte"):
        assert_refused(service, b"X-Remote-" + name, reason="is no plain text in UTF-8")


@pytest.mark.parametrize(("value", "uid"), [(b"zo\xeb", "zoë"), ("zoë".encode(), "zoë"), (b"dwho", "dwho")])
def test_latin_1_is_read_where_it_is_configured(services: BackendServices, value: bytes, uid: str) -> None:
    settings = HeaderSettings.model_validate({**SECTION, "latin1": True})
    backend = HeaderBackend("proxy", settings, services)
    found = backend.identify({"issuer.peer": PROXY, "HTTP_X_REMOTE_USER": value.decode("latin-1")})
    assert found
    assert found.uid == uid


@pytest.mark.parametrize(
    ("encoding", "written"),
    [
        ("plain", "zoë müller".encode().decode("latin-1")),
        ("percent", quote("zoë müller")),
        ("base64", base64.b64encode("zoë müller".encode()).decode()),
        ("base64url", base64.urlsafe_b64encode("zoë müller".encode()).decode()),
        ("base64url", base64.urlsafe_b64encode("zoë müller".encode()).decode().rstrip("=")),
    ],
)
def test_other_letters_come_encoded(services: BackendServices, encoding: str, written: str) -> None:
    settings = HeaderSettings.model_validate({**SECTION, "encoding": encoding})
    backend = HeaderBackend("proxy", settings, services)
    found = backend.identify({"issuer.peer": PROXY, "HTTP_X_REMOTE_USER": written})
    assert found
    assert found.uid == "zoë müller"


@given(st.dictionaries(st.sampled_from(["USER", "MAIL", "NAME", "GROUPS"]), st.text(max_size=20)))
@pytest.mark.parametrize("encoding", ["plain", "percent", "base64", "base64url"])
def test_no_text_breaks_it(encoding: str, headers: dict[str, str]) -> None:
    services: Any = None
    settings = HeaderSettings.model_validate({**SECTION, "encoding": encoding})
    backend = HeaderBackend("proxy", settings, services)
    environ = {f"HTTP_X_REMOTE_{name}": value for name, value in headers.items()}
    try:
        found = backend.identify({"issuer.peer": PROXY, **environ})
    except HeaderRefusedError:
        return
    if found is not None:
        assert found.uid == found.subject != ""
        texts = [found.uid, *map(str, found.attributes.values()), *found.groups]
        assert all(text.isprintable() for text in texts)
        assert "," not in found.uid


def test_it_is_not_combined_by_accident(build_gateway: BuildGateway) -> None:
    with pytest.raises(ConfigError, match=r"backends\.header: is used alone, unless `beside_others = true`"):
        build_gateway({"backends": {"header": SECTION, "local": {}}})


def test_a_backend_that_is_off_is_none_of_the_others(build_gateway: BuildGateway) -> None:
    alone = build_gateway({"backends": {"header": SECTION, "local": {"enabled": False}}})
    assert list(alone.parts.backends) == ["header"]


@pytest.fixture
def beside(build_gateway: BuildGateway) -> LocalGateway:
    section = {**SECTION, "beside_others": True, "logout_url": "https://sso.example.com/?logout=1"}
    return build_gateway({"backends": {"header": section, "local": {}}}, users={"dwho": (), "rtyler": ()})


def test_beside_others_each_has_its_own_people(beside: LocalGateway) -> None:
    """A name of a local user is not the proxy's to give, and a session of the form needs no header."""
    client = beside.client()
    assert client.get("/sessions", headers={"X-Remote-User": "dwho"}).status_code == 403
    assert client.get("/sessions", headers={"X-Remote-User": "Dwho"}).status_code == 403
    assert client.get("/sessions", headers={"X-Remote-User": "jsmith"}).status_code == 200
    other = beside.client()
    assert beside.send_form(other, "dwho").status_code == 303
    assert other.get("/sessions").status_code == 200


def test_sign_out_leads_to_the_proxy(beside: LocalGateway) -> None:
    client, headers = beside.client(), {"X-Remote-User": "jsmith", "Sec-Fetch-Site": "same-origin"}
    client.get("/", headers=headers)
    answer = client.post("/logout", headers=headers)
    assert (answer.status_code, answer.location) == (303, "https://sso.example.com/?logout=1")
    assert "https://sso.example.com" in answer.headers["Content-Security-Policy"]
    assert beside.parts.store.sessions.all() == []


def test_what_the_headers_say_is_read_again(build_gateway: BuildGateway) -> None:
    gateway = build_gateway({"backends": {"header": SECTION}})
    client = gateway.client()

    def groups(said: str) -> tuple[str, ...]:
        client.get("/", headers={"X-Remote-User": "dwho", "X-Remote-Groups": said})
        (session,) = gateway.parts.store.sessions.all()
        return session.identity.groups

    assert groups("a") == ("a",)
    gateway.clock.advance(299)
    assert groups("b") == ("a",)
    gateway.clock.advance(1)
    assert groups("b") == ("b",)


@pytest.mark.parametrize("header", ["X_Remote_User", "Cookie", "X-Forwarded-User", "a b", "", "Host"])
def test_headers_that_cannot_be_used_are_refused(header: str) -> None:
    with pytest.raises(ValidationError):
        HeaderSettings.model_validate({**SECTION, "user_header": header})


def test_addresses_are_required() -> None:
    with pytest.raises(ValidationError):
        HeaderSettings.model_validate({**SECTION, "trusted_addresses": []})
