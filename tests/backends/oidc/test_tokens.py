"""What an ID token and a logout token must be, with keys of our own. The trips are in test_trip.py."""

import base64
import hmac
import json
from typing import Any

import jwt
import pytest
from authlib.oidc.core.util import create_half_hash
from cryptography.hazmat.primitives import serialization
from hypothesis import given
from hypothesis import strategies as st

from issuer.backends.oidc.errors import ProviderAnswerError
from issuer.backends.oidc.tokens import LOGOUT_EVENT, TokenJudge
from issuer.bearer import JwkSet
from issuer.bearer.jwks import Jwk
from issuer.keys import KeyState
from issuer.keys.material import generate_private, publish
from tests.fakes import FakeClock

ISSUER, CLIENT, NONCE, ACCESS = "https://idp.example.com/realms/x", "gateway", "the-nonce", "the-access-token"
NOW = int(FakeClock().now())
RSA, OTHER, CURVE = generate_private("rsa-2048"), generate_private("rsa-2048"), generate_private("p-256")
OWN_JWK = publish(OTHER, "own", "x", KeyState.ACTIVE).jwk
KEYS = JwkSet([Jwk("rsa", None, RSA.public_key()), Jwk("ec", "ES256", CURVE.public_key())])
ID_TOKEN: dict[str, Any] = {
    "iss": ISSUER,
    "aud": CLIENT,
    "sub": "rose",
    "iat": NOW,
    "exp": NOW + 300,
    "nonce": NONCE,
}
LOGOUT: dict[str, Any] = {
    "iss": ISSUER,
    "aud": CLIENT,
    "sub": "rose",
    "sid": "s1",
    "jti": "j1",
    "iat": NOW,
    "exp": NOW + 120,
    "events": {LOGOUT_EVENT: {}},
}


class Keys:
    def key(self, kid: str | None, algorithm: str) -> Any:
        return KEYS.find(kid, algorithm)


def token(claims: dict[str, Any], key: Any = RSA, algorithm: str = "RS256", **header: Any) -> str:
    kept = {name: value for name, value in claims.items() if value is not None}
    return jwt.PyJWS().encode(json.dumps(kept).encode(), key, algorithm, {"kid": "rsa", **header})


def judge(skew: float = 60) -> TokenJudge:
    return TokenJudge(FakeClock(), ISSUER, CLIENT, skew)


def judged(text: str, begun: float = NOW) -> Any:
    return judge().id_token(text, Keys(), NONCE, ACCESS, begun)


def logged_out(text: str) -> Any:
    return judge().logout_token(text, Keys())


@pytest.mark.parametrize("said", ["", NONCE, None], ids=str)
def test_no_id_token_answers_a_request_without_a_nonce(said: str | None) -> None:
    with pytest.raises(ProviderAnswerError):
        judge().id_token(token({**ID_TOKEN, "nonce": said}), Keys(), "", ACCESS, NOW)


def half(algorithm: str) -> str:
    found: bytes = create_half_hash(ACCESS, algorithm)
    return found.decode()


@pytest.mark.parametrize(
    "claims",
    [
        {},
        {"aud": [CLIENT]},
        {"aud": [CLIENT, "another"], "azp": CLIENT},
        {"azp": CLIENT},
        {"at_hash": half("RS256")},
        {"iat": NOW + 59},
        {"exp": NOW - 59},
        {"nbf": NOW + 59},
        {"iat": NOW - 59},
    ],
)
def test_a_good_id_token(claims: dict[str, Any]) -> None:
    assert judged(token({**ID_TOKEN, **claims}))["sub"] == "rose"


def test_a_good_id_token_of_another_kind_of_key() -> None:
    assert judged(token({**ID_TOKEN, "at_hash": half("ES256")}, CURVE, "ES256", kid="ec"))["sub"] == "rose"


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": None},
        {"iss": ISSUER + "/"},
        {"iss": "https://other.example.com"},
        {"iss": [ISSUER]},
        {"aud": None},
        {"aud": "another"},
        {"aud": ["another"]},
        {"aud": []},
        {"aud": {CLIENT: 1}},
        {"aud": [CLIENT, "another"]},
        {"aud": [CLIENT, "another"], "azp": "another"},
        {"azp": "another"},
        {"azp": [CLIENT]},
        {"sub": None},
        {"sub": 7},
        {"exp": None},
        {"exp": NOW - 61},
        {"exp": "later"},
        {"exp": True},
        {"iat": None},
        {"iat": NOW + 61},
        {"iat": NOW - 61},
        {"iat": "now"},
        {"nbf": NOW + 61},
        {"nonce": None},
        {"nonce": "another"},
        {"nonce": ["the-nonce"]},
        {"at_hash": "AAAA"},
        {"at_hash": half("RS512")},
        {"at_hash": 5},
        {"auth_time": "now"},
    ],
)
def test_a_bad_id_token(claims: dict[str, Any]) -> None:
    with pytest.raises(ProviderAnswerError) as refused:
        judged(token({**ID_TOKEN, **claims}))
    assert NONCE not in str(refused.value)
    assert "rose" not in str(refused.value)


def with_the_public_key_as_secret() -> str:
    """By hand, as PyJWT refuses to sign so."""
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    pem = RSA.public_key().public_bytes(serialization.Encoding.PEM, form)
    text = ".".join(token(ID_TOKEN, b"x" * 32, "HS256").split(".")[:2])
    signature = base64.urlsafe_b64encode(hmac.digest(pem, text.encode(), "sha256")).decode().rstrip("=")
    return f"{text}.{signature}"


@pytest.mark.parametrize(
    "forged",
    [
        with_the_public_key_as_secret(),
        token(ID_TOKEN, b"the client's own secret, of some length", "HS256"),
        token(ID_TOKEN, None, "none"),
        token(ID_TOKEN)[: token(ID_TOKEN).rindex(".") + 1],
        token(ID_TOKEN, OTHER),
        token(ID_TOKEN, CURVE, "ES256"),
        token(ID_TOKEN, RSA, "RS256", kid="unknown"),
        token(ID_TOKEN, RSA, "RS256", crit=["x"], x=1),
        token(ID_TOKEN, OTHER, "RS256", jwk=OWN_JWK),
        token({**ID_TOKEN, "much": "x" * 40_000}),
        "",
        "a.b.c",
    ],
)
def test_a_forged_id_token(forged: str) -> None:
    """With another algorithm, with none, with a key of the forger's, or what is no token."""
    with pytest.raises(ProviderAnswerError):
        judged(forged)


@given(st.text())
def test_no_text_is_an_id_token(text: str) -> None:
    with pytest.raises(ProviderAnswerError):
        judged(text)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(st.sampled_from(["iss", "aud", "azp", "exp", "iat", "nonce", "at_hash", "sub", "amr"]), JSON)
def test_a_provider_may_say_anything(name: str, value: Any) -> None:
    """What is signed well and makes no sense is refused, and breaks nothing."""
    try:
        claims = judged(token({**ID_TOKEN, name: value}))
    except ProviderAnswerError:
        return
    assert claims["iss"] == ISSUER
    assert claims["nonce"] == NONCE


@pytest.mark.parametrize(
    "claims", [{}, {"sid": None}, {"sub": None}, {"exp": None}, {"iat": NOW - 299}, {"aud": [CLIENT]}]
)
def test_a_good_logout_token(claims: dict[str, Any]) -> None:
    for header in ({"typ": "logout+jwt"}, {"typ": "JWT"}, {"typ": None}):
        assert logged_out(token({**LOGOUT, **claims}, **header))["jti"] == "j1"


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://other.example.com"},
        {"aud": "another"},
        {"iat": None},
        {"iat": NOW - 361},
        {"iat": NOW + 61},
        {"exp": NOW - 61},
        {"jti": None},
        {"jti": 5},
        {"jti": ""},
        {"sub": None, "sid": None},
        {"sub": 5},
        {"sid": ["s1"]},
        {"sid": ""},
        {"events": None},
        {"events": [LOGOUT_EVENT]},
        {"events": {LOGOUT_EVENT: "x"}},
        {"events": {"https://example.com/other": {}}},
        {"nonce": "any"},
    ],
)
def test_a_bad_logout_token(claims: dict[str, Any]) -> None:
    with pytest.raises(ProviderAnswerError):
        logged_out(token({**LOGOUT, **claims}))


def test_another_token_is_no_logout_token() -> None:
    for text in (
        token(ID_TOKEN),
        token(LOGOUT, typ="at+jwt"),
        token(LOGOUT, OTHER),
        token(LOGOUT, None, "none"),
    ):
        with pytest.raises(ProviderAnswerError):
            logged_out(text)


@given(st.text())
def test_no_text_is_a_logout_token(text: str) -> None:
    with pytest.raises(ProviderAnswerError):
        logged_out(text)
