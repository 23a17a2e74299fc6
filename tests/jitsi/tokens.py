"""Tokens made by hand, with any nonsense in them, and a server that judges them."""

import base64
import hashlib
import hmac
import json
from typing import Any

from issuer.jitsi.verdict import JitsiServer, judge_token

NOW = 1_800_000_000.9
SECRET = b"s" * 64
CLAIMS: dict[str, Any] = {
    "iss": "https://auth.example.com/",
    "aud": "jitsi",
    "sub": "*",
    "room": "my%20room",
    "iat": 1_800_000_000,
    "nbf": 1_799_999_990,
    "exp": 1_800_000_300,
    "jti": "x",
    "context": {
        "user": {"id": "dwho", "name": "Doctor Who", "moderator": True, "hidden-from-recorder": "true"},
        "group": "timelords",
        "features": {"recording": True},
        "room": {"lobby": False},
    },
}


def server(**changes: Any) -> JitsiServer:
    settings: dict[str, Any] = {
        "issuers": ["https://auth.example.com/"],
        "audiences": ["jitsi"],
        "algorithm": "HS256",
        "secret": SECRET,
        "room": "my%20room",
    }
    return JitsiServer(**settings | changes)


def token(header: dict[str, Any] | None = None, **changes: Any) -> str:
    """Sign by hand; a claim of ... is left out."""
    claims = {name: value for name, value in (CLAIMS | changes).items() if value is not ...}
    wanted = {"typ": "JWT", "alg": "HS256"} | (header or {})
    parts = [encode({k: v for k, v in wanted.items() if v is not ...}), encode(claims)]
    signature = hmac.digest(SECRET, ".".join(parts).encode(), hashlib.sha256)
    return ".".join([*parts, base64.urlsafe_b64encode(signature).decode().rstrip("=")])


def encode(content: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")


def faults(text: str, at: JitsiServer | None = None, now: float = NOW) -> list[str]:
    return [finding.what for finding in judge_token(text, at or server(), now) if not finding.ok]
