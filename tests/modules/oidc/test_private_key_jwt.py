"""`private_key_jwt`: clients that prove who they are with a key (RFC 7523 §3, OIDC Core §9)."""

import hmac
import json
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from joserfc import jws
from joserfc.jwk import ECKey
from werkzeug.test import TestResponse

from modules.oidc.clients.authentication import ASSERTION_TYPE
from tests.modules.oidc.conftest import MakeProvider
from tests.modules.oidc.provider import Provider
from tests.modules.oidc.test_attacks_on_tokens import unsigned

AUDIENCE = "https://auth.example.com/oidc"


@dataclass
class Robot:
    """A client with a key of its own."""

    provider: Provider
    key: ECKey

    def claims(self, **changes: Any) -> dict[str, Any]:
        now = self.provider.gateway.clock.now()
        own = {"iss": "robot", "sub": "robot", "aud": AUDIENCE, "exp": now + 60, "jti": "one"}
        return {name: value for name, value in {**own, **changes}.items() if value is not None}

    def asks(self, assertion: str, **form: Any) -> TestResponse:
        proof = {"client_assertion_type": ASSERTION_TYPE, "client_assertion": assertion}
        return self.provider.token(None, grant_type="client_credentials", scope="read", **proof, **form)

    def signs(self, **changes: Any) -> str:
        return signed(self.claims(**changes), self.key)


def signed(claims: dict[str, Any], key: ECKey) -> str:
    """A JWT of claims that are written in ASCII, so that they may hold what is no text."""
    return jws.serialize_compact({"alg": "ES256"}, json.dumps(claims), key)


@pytest.fixture
def robot(make_provider: MakeProvider, tmp_path: Path) -> Robot:
    key = ECKey.generate_key("P-256")
    path = tmp_path / "keys.json"
    path.write_text(json.dumps({"keys": [key.as_dict(private=False)]}))
    section = {"jwks_file": str(path), "grant_types": ["client_credentials"], "scopes": ["read"]}
    return Robot(make_provider(clients={"robot": section}), key)


def refused(answer: TestResponse) -> bool:
    assert "eyJ" not in answer.get_data(as_text=True)
    return (answer.status_code, answer.get_json()["error"]) == (401, "invalid_client")


@pytest.mark.parametrize("audience", [AUDIENCE, f"{AUDIENCE}/token", ["https://else.example", AUDIENCE]])
def test_a_good_assertion_counts_once(robot: Robot, audience: str | list[str]) -> None:
    assertion = robot.signs(aud=audience)
    answer = robot.asks(assertion, client_id="robot")
    assert answer.status_code == 200, answer.get_data(as_text=True)
    assert answer.get_json()["scope"] == "read"
    assert refused(robot.asks(assertion))
    assert refused(robot.asks(robot.signs(aud=audience, iat=1))), "the same jti again"
    for token_id in ("two", "\ud800", "\0", "x" * 2000):
        assert robot.asks(robot.signs(aud=audience, jti=token_id)).status_code == 200


CHANGES: list[dict[str, Any]] = [
    {"aud": "https://else.example"},
    {"aud": f"{AUDIENCE}/authorize"},
    {"aud": f"{AUDIENCE}/"},
    {"aud": []},
    {"aud": None},
    {"exp": 1},
    {"exp": "soon"},
    {"exp": 1e300},
    {"exp": None},
    {"jti": None},
    {"jti": 1},
    {"sub": "wiki"},
    {"sub": None},
    {"iss": "wiki"},
    {"iss": "nobody"},
    {"iss": "\ud800"},
    {"iss": "\0"},
    {"iss": None},
]


@pytest.mark.parametrize("changes", CHANGES, ids=str)
def test_an_assertion_that_says_something_else_is_refused(robot: Robot, changes: dict[str, Any]) -> None:
    assert refused(robot.asks(robot.signs(**changes)))


def test_an_assertion_that_has_expired_is_refused(robot: Robot) -> None:
    assertion = robot.signs()
    robot.provider.gateway.clock.advance(61)
    assert refused(robot.asks(assertion))
    assert refused(robot.asks(robot.signs(exp=robot.provider.gateway.clock.now() + 3601)))


def test_an_assertion_that_the_clients_key_did_not_sign_is_refused(robot: Robot) -> None:
    stranger = ECKey.generate_key("P-256")
    assert refused(robot.asks(signed(robot.claims(), stranger)))
    assert refused(robot.asks(robot.signs()[:-4] + "AAAA"))
    assert refused(robot.asks("x"))
    assert robot.asks(robot.signs()).status_code == 200, "and none of these used the jti up"


def test_none_and_a_public_key_as_a_secret_are_refused(robot: Robot) -> None:
    """RFC 8725 §2.1."""
    assert refused(robot.asks(unsigned({"alg": "none"}, robot.claims()) + "."))
    hashed = unsigned({"alg": "HS256"}, robot.claims())
    for secret in (robot.key.as_pem(private=False), b""):
        mac = urlsafe_b64encode(hmac.digest(secret, hashed.encode(), "sha256")).rstrip(b"=").decode()
        assert refused(robot.asks(f"{hashed}.{mac}"))


def test_an_assertion_is_for_its_client_alone(robot: Robot) -> None:
    assert refused(robot.asks(robot.signs(), client_id="wiki"))
    both = robot.asks(robot.signs(), client_id="robot", client_secret="k7Zq2mWx9Tb4Vd8Rf1Lc6Yp3")
    assert both.get_json()["error"] == "invalid_request"
    nothing = robot.provider.token(None, grant_type="client_credentials", client_id="robot")
    assert refused(nothing)
