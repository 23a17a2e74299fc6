"""A gateway with `POST /livekit/token`, and what asks there."""

import json
from dataclasses import dataclass
from typing import Any

import jwt
from flask.testing import FlaskClient
from livekit.api import TokenVerifier
from livekit.api.access_token import Claims
from werkzeug.test import TestResponse

from issuer.identity import Identity
from issuer.module import Module
from tests.gateway import LocalGateway
from tests.modules.livekit.sfu import KEY, SECRET

PATH = "/livekit/token"
PORTAL = "https://auth.example.com"
APP = "https://app.example.com"
SPA = "https://elsewhere.example.net"
IDENTITY_SECRET = "x8Kq2v-Wm5Rt7yNa" * 2
ALICE = Identity("local", "subject-of-alice", "alice", {"cn": "Alice Liddell"}, ("staff", "singers"))
BODY = {"roomId": "stage-1", "sceneId": "scene-7", "eventId": "gala"}

PEOPLE: dict[str, Any] = {
    "identity_secret": IDENTITY_SECRET,
    "origins": [APP],
    "bearer_origins": [SPA],
    "audience": "calls",
}


def section(people: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    """Return the section of an instance; a change of `people` to None takes an option away."""
    merged = {name: value for name, value in {**PEOPLE, **(people or {})}.items() if value is not None}
    return {"url": "wss://sfu.example.com", "api_key": KEY, "api_secret": SECRET, "people": merged, **changes}


@dataclass
class Stage:
    """The gateway."""

    gateway: LocalGateway

    @property
    def module(self) -> Module:
        return self.gateway.parts.modules["livekit"]

    def ask(
        self,
        body: Any = BODY,
        identity: Identity | None = ALICE,
        bearer: str | None = None,
        method: str = "POST",
        **headers: str | None,
    ) -> TestResponse:
        """Ask from the configured page, as somebody (None: signed out), or with a bearer token."""
        client = self.gateway.sign_in_as(identity) if identity and bearer is None else self.gateway.client()
        return self.send(client, body, bearer, method, **headers)

    def send(
        self,
        client: FlaskClient,
        body: Any,
        bearer: str | None = None,
        method: str = "POST",
        **headers: str | None,
    ) -> TestResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        given = {"Content-Type": "application/json", "Origin": APP, **named}
        if bearer is not None:
            given["Authorization"] = f"Bearer {bearer}"
        sent = [(name, value) for name, value in given.items() if value is not None]
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return client.open(PATH, method=method, data=data, headers=sent)

    def claims(self, answer: TestResponse) -> dict[str, Any]:
        """Return the claims of the token in an answer."""
        assert answer.status_code == 200, answer.text
        assert answer.json
        assert set(answer.json) == {"token", "expiresAt", "url"}
        options: Any = {"verify_exp": False, "verify_nbf": False, "verify_iat": False}
        found: dict[str, Any] = jwt.decode(
            answer.json["token"], SECRET, ["HS256"], issuer=KEY, options=options
        )
        return found

    def told(self, answer: TestResponse) -> dict[str, Any]:
        """Return the body of a refusal, after a look at what every refusal has."""
        assert answer.status_code >= 400
        assert answer.content_type == "application/json"
        assert answer.headers["Vary"] == "Origin"
        assert answer.json
        assert answer.json["message"].endswith((".", ")"))
        assert "token" not in answer.json
        return dict(answer.json)


def verified(token: str) -> Claims:
    """Return what LiveKit's own library reads in a token that is good now."""
    return TokenVerifier(KEY, SECRET).verify(token)


def refused(stage: Stage, answer: Any, reason: str) -> None:
    assert answer.status_code == 403
    told = stage.told(answer)
    assert (told["error"], told["reason"]) == ("forbidden", reason)
    assert stage.gateway.parts.store.issuances.search() == []
