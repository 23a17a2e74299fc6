"""A gateway in this process, its provider, and browsers that go from one to the other."""

import time
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode, urlsplit

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from issuer.identity import Identity
from issuer.store import Session
from issuer.testing import PUBLIC_URL, LocalGateway
from tests.openid.provider import Provider, Visit

INSTANCE = "example"
BACK_CHANNEL = f"/login/{INSTANCE}/backchannel"
CALLBACK = f"{PUBLIC_URL}login/{INSTANCE}/callback"


@dataclass
class House:
    """The gateway, and the provider that it sends people to."""

    gateway: LocalGateway
    provider: Provider

    def at_the_providers_time(self) -> None:
        """Set the gateway's clock, which stands still, to the time of this machine, in whole seconds."""
        self.gateway.clock.time = float(int(time.time()))

    def browser(self) -> "Browser":
        return Browser(self)

    def person(self, uid: str) -> Identity:
        """Return who has this user name, as their latest session has them."""
        return self.session(uid).identity

    def session(self, uid: str) -> Session:
        """Return their latest session."""
        return self.gateway.parts.store.sessions.of_uid(uid)[0]


class Browser:
    """One browser: cookies of the gateway, and cookies of the provider."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.client: FlaskClient = house.gateway.client()
        self.visit = Visit(house.provider)

    def begin(self, wanted: str = "/", **query: str) -> str:
        """Click on the button; return where the gateway sends the browser."""
        answer = self.client.get(f"/login/{INSTANCE}", query_string={"next": wanted, **query})
        assert answer.status_code == 303, answer.text
        return answer.headers["Location"]

    def come_back(self, location: str) -> TestResponse:
        """Open the address to which the provider sent the browser."""
        assert location.startswith(PUBLIC_URL), location
        parts = urlsplit(location)
        return self.client.get(f"{parts.path}?{parts.query}")

    def sign_in(self, login: str, wanted: str = "/", **wishes: str) -> TestResponse:
        """Make the whole trip."""
        return self.come_back(self.visit.sign_in(self.begin(wanted), login, **wishes))

    def signed_in(self) -> bool:
        return self.client.get("/").status_code == 200


def changed(location: str, **parameters: str | None) -> str:
    """Return an address with other parameters; None takes one away."""
    parts = urlsplit(location)
    query = {**dict(parse_qsl(parts.query)), **parameters}
    kept = {name: value for name, value in query.items() if value is not None}
    return parts._replace(query=urlencode(kept)).geturl()


def parameter(location: str, name: str) -> str:
    return dict(parse_qsl(urlsplit(location).query))[name]


def pending_cookie(state: str) -> str:
    """Return the name of the cookie that opens a `state`."""
    return f"__Host-issuer_oidc_{state[:1]}"
