"""People with a second factor, and what their browsers send."""

import re
from dataclasses import dataclass
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.authentication.conftest import JITSI, USERS
from tests.authentication.factors.apps import App
from tests.gateway import BuildGateway, LocalGateway

KEY = "8f1c7d3b5a9e204f6680cc1b2d4e7a93bb05f8127d6e4c3a91f0e2d4c6b8a701"
OURS = {"Sec-Fetch-Site": "same-origin"}
STAFF = 'inGroup("timelords")'


def with_factor(build_gateway: BuildGateway, required: str = STAFF, **more: Any) -> LocalGateway:
    factor = {"key": KEY, "required": required, **more.pop("second_factor", {})}
    return build_gateway({"modules": {"jitsi": JITSI}, "second_factor": factor, **more}, users=USERS)


def post(client: FlaskClient, path: str, **form: str) -> TestResponse:
    return client.post(path, data=form, headers=OURS)


def location(answer: TestResponse) -> str:
    assert answer.status_code == 303, answer.text
    return answer.headers["Location"].removeprefix("https://auth.example.com")


def svg_of(page: str) -> str:
    return re.search(r'<svg viewBox="[^"]*" class="qr">.*?</svg>', page, re.DOTALL)[0]  # type: ignore[index]


def codes_in(page: str) -> list[str]:
    return re.findall(r"<li><code>([a-z2-7-]{19})</code></li>", page)


@dataclass
class Enrolled:
    """A person with an app and recovery codes, in a browser."""

    gateway: LocalGateway
    uid: str
    client: FlaskClient
    app: App
    recovery: list[str]

    def code(self, steps: int = 0) -> str:
        return self.app.code(self.gateway.clock.now(), steps)

    def password(self, client: FlaskClient | None = None, wanted: str = "/") -> FlaskClient:
        """Give the right password, which leads to the code."""
        client = client or self.gateway.client()
        assert location(self.gateway.send_form(client, self.uid, wanted)) == "/second-factor/code"
        return client

    def next_step(self) -> None:
        self.gateway.clock.advance(30)


def enrol(gateway: LocalGateway, uid: str = "dwho", wanted: str = "/") -> Enrolled:
    client = gateway.client()
    if location(gateway.send_form(client, uid, wanted)) != "/second-factor/set-up":
        assert location(post(client, "/second-factor/begin")) == "/second-factor/set-up"
    page = client.get("/second-factor/set-up")
    app = App.scan(svg_of(page.text))
    done = post(client, "/second-factor/set-up", code=app.code(gateway.clock.now()))
    assert (done.status_code, done.content_type) == (200, "text/html; charset=utf-8")
    person = Enrolled(gateway, uid, client, app, codes_in(done.text))
    assert len(person.recovery) == 10
    person.next_step()
    return person


def is_signed_in(client: FlaskClient) -> bool:
    return client.get("/").status_code == 200


def levels_of(gateway: LocalGateway, uid: str) -> list[int]:
    return sorted(row.identity.auth_level for row in gateway.parts.store.sessions.of_uid(uid))
