"""A gateway with a LiveKit instance between a stub homeserver and a stub SFU."""

import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
from werkzeug.test import TestResponse

from tests.gateway import LocalGateway
from tests.modules.livekit.sfu import KEY, SECRET, Sfu
from tests.upstream.authority import Authority
from tests.upstream.stub import Reply, Seen, Stub

USERINFO = "/_matrix/federation/v1/openid/userinfo"
REFUSED = Reply(401, b'{"errcode":"M_UNKNOWN_TOKEN","error":"Access Token unknown or expired"}')
ROOM = "!room:example.org"
SLOT = "m.call#ROOM"


class Homeserver:
    """Knows the OpenID tokens in `subs`; everything else is refused as Synapse does."""

    def __init__(self, authority: Authority) -> None:
        self.subs: dict[str, Any] = {}
        self.reply: Reply | None = None
        """What is answered in place of everything else."""
        self.server = Stub(self._answer, authority.server("localhost"))
        self.name = f"localhost:{self.server.port}"
        self.user = f"@alice:{self.name}"
        self.subs["alice-token"] = self.user

    @property
    def requests(self) -> int:
        return len(self.server.seen)

    def close(self) -> None:
        self.server.close()

    def _answer(self, seen: Seen) -> Reply:
        if self.reply:
            return self.reply
        parts = urlsplit(seen.path)
        token = parse_qs(parts.query).get("access_token", [""])[0]
        if parts.path != USERINFO or token not in self.subs:
            return REFUSED
        return Reply(200, json.dumps({"sub": self.subs[token]}).encode())


@dataclass
class Call:
    """Everything that one request needs, and what came of it."""

    gateway: LocalGateway
    homeserver: Homeserver
    sfu: Sfu
    counted: tuple[int, int] = field(default=(0, 0))

    def body(self, **changes: Any) -> dict[str, Any]:
        """The body of /get_token; a change to None takes a field away."""
        body = {
            "room_id": ROOM,
            "slot_id": SLOT,
            "openid_token": self.openid(),
            "member": {"id": "xyz", "claimed_user_id": self.homeserver.user, "claimed_device_id": "DEV"},
        }
        return _changed(body, changes)

    def legacy_body(self, **changes: Any) -> dict[str, Any]:
        """The body of /sfu/get."""
        return _changed({"room": ROOM, "openid_token": self.openid(), "device_id": "DEV"}, changes)

    def openid(self, **changes: Any) -> dict[str, Any]:
        token = {
            "access_token": "alice-token",
            "token_type": "Bearer",
            "matrix_server_name": self.homeserver.name,
            "expires_in": 3600,
        }
        return _changed(token, changes)

    def post(self, path: str, body: Any, below: str = "/livekit/jwt") -> TestResponse:
        """Send a body (bytes as they are, else as JSON), and count the requests to others."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        before = self.homeserver.requests, len(self.sfu.server.seen)
        answer = self.gateway.client().post(below + path, data=data)
        now = self.homeserver.requests, len(self.sfu.server.seen)
        self.counted = now[0] - before[0], now[1] - before[1]
        return answer

    def get_token(self, **changes: Any) -> TestResponse:
        return self.post("/get_token", self.body(**changes))

    def delegate(self, **changes: Any) -> TestResponse:
        delay = {"delay_id": "syd_x", "delay_timeout": 8000}
        return self.post("/delegate_delayed_leave", self.body(**{**delay, **changes}))

    def sfu_get(self, **changes: Any) -> TestResponse:
        return self.post("/sfu/get", self.legacy_body(**changes))


def _changed(body: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in {**body, **changes}.items() if value is not None}


def errcode(answer: TestResponse) -> tuple[int, str]:
    """Return status and errcode, after a look at what every error has."""
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.json
    assert set(answer.json) == {"errcode", "error"}
    return answer.status_code, answer.json["errcode"]


def claims_of(answer: TestResponse, now: float) -> dict[str, Any]:
    """Return the claims of the token in an answer, verified."""
    assert answer.status_code == 200, answer.text
    assert answer.json
    assert set(answer.json) == {"url", "jwt"}
    options: Any = {"verify_exp": False, "verify_nbf": False, "verify_iat": False}
    claims: dict[str, Any] = jwt.decode(answer.json["jwt"], SECRET, ["HS256"], issuer=KEY, options=options)
    assert claims["exp"] > now
    return claims


def options(homeserver: Homeserver, sfu: Sfu, **changes: Any) -> dict[str, Any]:
    """Return the section of an instance."""
    section = {
        "url": sfu.url,
        "api_key": KEY,
        "api_secret": SECRET,
        "full_access_homeservers": [homeserver.name],
    }
    return {**section, **changes}


def upstream_options(authority: Authority, **changes: Any) -> dict[str, Any]:
    """Return the section for outgoing calls: the stubs are on loopback."""
    return {
        "ca_file": str(authority.path),
        "allow_private_networks": True,
        "connect_timeout": "1s",
        **changes,
    }
