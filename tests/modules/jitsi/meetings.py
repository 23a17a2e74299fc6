"""Configurations of Jitsi instances, and what comes out of their logins."""

import json
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import jwt
from werkzeug.test import TestResponse

from issuer.identity import Identity
from issuer.jitsi.verdict import judge_token
from modules.jitsi.commands import server_of
from modules.jitsi.settings import JitsiSettings
from tests.gateway import LocalGateway

SERVER = "https://meet.example.com"
SECRET = "q7Zr2m-Xw9Kt4bVd" * 4
HS256 = {"server_url": SERVER, "app_id": "jitsi", "app_secret": SECRET}
RS256 = {"server_url": SERVER, "app_id": "jitsi", "algorithm": "RS256"}


def instance(base: dict[str, Any] = HS256, /, **options: Any) -> dict[str, Any]:
    """Return a configuration with one Jitsi instance."""
    return {"modules": {"jitsi": {**base, **options}}}


def person(groups: tuple[str, ...] = (), **attributes: str | list[str]) -> Identity:
    return Identity("local", "subject", "dwho", attributes, groups)


def token_in(url: str) -> str:
    """Return the token of an address, from its query or its fragment."""
    parts = urlsplit(url)
    if parts.query:
        return parse_qs(parts.query, strict_parsing=True)["jwt"][0]
    return str(json.loads(fragment_of(url)["jwt"]))


def fragment_of(url: str) -> dict[str, str]:
    """Return the parameters of a fragment, decoded."""
    found = (part.partition("=") for part in urlsplit(url).fragment.split("&"))
    return {name: unquote(value) for name, _, value in found}


def token_of(answer: TestResponse) -> str:
    assert answer.status_code == 302, answer.text
    return token_in(str(answer.location))


def claims_of(answer: TestResponse) -> dict[str, Any]:
    return jwt.decode(token_of(answer), options={"verify_signature": False})


def faults(gateway: LocalGateway, token: str, room: str, name: str = "jitsi") -> list[str]:
    """Return what the Jitsi server of an instance would have against a token for a room."""
    settings = gateway.parts.modules[name].settings
    assert isinstance(settings, JitsiSettings)
    with gateway.app.app_context():
        server = server_of(settings, gateway.parts.settings.public_url, room)
        findings = judge_token(token, server, gateway.clock.now())
    return [f"{finding.what}: {finding.text}" for finding in findings if not finding.ok]
