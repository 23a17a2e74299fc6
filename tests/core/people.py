"""Gateways with people of several backends, and browsers that sign in."""

from typing import Any
from urllib.parse import urlencode

import pytest
from flask.testing import FlaskClient

from issuer.identity import Identity
from tests.authentication.backends import People
from tests.gateway import BuildGateway, LocalGateway

JITSI = {"server_url": "https://meet.example.com", "app_id": "jitsi", "algorithm": "RS256"}
OURS = {"Sec-Fetch-Site": "same-origin"}
WANTED = "/jitsi/login?room=monday"


@pytest.fixture
def build(build_gateway: BuildGateway, people: dict[str, People]) -> Any:
    def build(*names: str, rule: str = "accept", users: Any = None, **settings: Any) -> LocalGateway:
        kinds = {"ldap": "directory", "ad": "directory", "sso": "elsewhere", "other": "elsewhere"}
        backends = {name: {"type": kinds.get(name, name)} for name in names}
        for name, options in settings.pop("options", {}).items():
            backends[name].update(options)
        people.update({name: People() for name in names})
        data = {"backends": backends, "modules": {"jitsi": {**JITSI, "rule": rule}}, **settings}
        return build_gateway(data, users=users)

    return build


def form(gateway: LocalGateway, login: str, client: FlaskClient | None = None) -> int:
    data = {"login": login, "password": login}
    return (client or gateway.client()).post("/login", data=data, headers=OURS).status_code


def redirected(gateway: LocalGateway, name: str, subject: str, client: FlaskClient | None = None) -> int:
    url = f"/login/{name}/callback?{urlencode({'subject': subject})}"
    return (client or gateway.client()).get(url).status_code


def identity_of(gateway: LocalGateway) -> Identity:
    (session,) = gateway.parts.store.sessions.all()
    return session.identity
