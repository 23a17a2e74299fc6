"""A gateway with two forms and two other servers, and browsers on their way."""

from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.authentication.backends import ELSEWHERE, People
from tests.authentication.conftest import JITSI
from tests.gateway import BuildGateway, LocalGateway

OURS = {"Sec-Fetch-Site": "same-origin"}
WANTED = "/jitsi/login?room=monday"
BACKENDS: dict[str, Any] = {
    "ldap": {"type": "directory"},
    "local": {},
    "sso": {"type": "elsewhere", "label": "Example SSO", "auth_level": 2},
    "card": {"type": "elsewhere", "auth_level": 3},
}


@pytest.fixture
def build(build_gateway: BuildGateway, people: dict[str, People]) -> Any:
    def build(backends: dict[str, Any] = BACKENDS, rule: str = "accept", **settings: Any) -> LocalGateway:
        data = {"backends": backends, "modules": {"jitsi": {**JITSI, "rule": rule}}, **settings}
        gateway = build_gateway(data, users={"rtyler": ()})
        for name in backends:
            people.setdefault(name, People())
        people["ldap"].add("u1", "dwho", "staff", cn="The Doctor")
        for name in ("sso", "card"):
            people[name].add("s1", f"{name}-person", cn="Somebody")
        return gateway

    return build


def post(
    client: FlaskClient, login: str, goal: str = "/", address: str = "192.0.2.1", password: str | None = None
) -> TestResponse:
    data = {"login": login, "password": password or login, "next": goal}
    return client.post("/login", data=data, headers=OURS, environ_overrides={"REMOTE_ADDR": address})


def leave(answer: TestResponse) -> dict[str, str]:
    """Return what a browser that was sent elsewhere brings there."""
    assert answer.status_code == 302
    url = urlsplit(answer.location)
    assert f"{url.scheme}://{url.netloc}" == ELSEWHERE
    return {"name": url.path[1:], **{name: value for name, (value,) in parse_qs(url.query).items()}}


def come_back(client: FlaskClient, name: str, **query: Any) -> TestResponse:
    return client.get(f"/login/{name}/callback?{urlencode(query)}")


def button(page: str, name: str) -> str:
    """Return where a button leads."""
    return unescape(f"/login/{name}?" + page.partition(f'href="/login/{name}?')[2].partition('"')[0])


def offered(page: str) -> set[str]:
    names = {"Example SSO": "sso", "Card": "card"}
    return {name for label, name in names.items() if f"Sign in with {label}" in page}
