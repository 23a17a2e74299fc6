"""Which bearer tokens are believed."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from issuer.bearer import JwkSet, RemoteIssuer, RingKeys, TokenRefusedError, TokenVerifier, Verified
from issuer.bearer.jwks import PublicKey
from issuer.identity import Identity
from issuer.keys import KeyRing, generate
from tests.bearer.tokens import AUDIENCE, ISSUER, NOW, claims, ec_key, ed_key, jwk, rsa_key, token
from tests.fakes import FakeClock

KEYS: dict[str, Any] = {"one": rsa_key("one"), "two": ec_key("two"), "three": ed_key("three")}


class Published:
    """A key set that is there."""

    def __init__(self, **keys: Any) -> None:
        self._keys = JwkSet.parse({"keys": [jwk(key, kid) for kid, key in keys.items()]})

    def key(self, kid: str | None, algorithm: str) -> PublicKey | None:
        return self._keys.find(kid, algorithm)


TRUSTED = RemoteIssuer(ISSUER, Published(**KEYS))


def verify(text: str, now: float = NOW, audience: str = AUDIENCE) -> Verified:
    return TokenVerifier(FakeClock(now)).verify(text, {ISSUER: TRUSTED}.get, audience)


def refused(text: str, **options: Any) -> str:
    with pytest.raises(TokenRefusedError) as caught:
        verify(text, **options)
    assert not any(part in str(caught.value) for part in text.split(".") if part)
    return str(caught.value)


def raw(header: object, payload: object, signature: str = "") -> str:
    parts = (json.dumps(part).encode() if not isinstance(part, bytes) else part for part in (header, payload))
    return ".".join([*(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts), signature])


@pytest.mark.parametrize(
    ("kid", "algorithm"),
    [("one", "RS256"), ("one", "RS512"), ("one", "PS256"), ("two", "ES256"), ("three", "EdDSA")],
)
def test_a_good_token_says_who_asks(kid: str, algorithm: str) -> None:
    verified = verify(token(KEYS[kid], kid, algorithm, groups=["staff"], name="Alice"))
    assert verified.issuer is TRUSTED
    assert verified.identity() == Identity(
        ISSUER,
        "alice",
        "alice",
        {"iss": ISSUER, "aud": AUDIENCE, "sub": "alice", "groups": ["staff"], "name": "Alice", "cn": "Alice"},
        ("staff",),
    )


def test_the_times_are_judged_to_the_second() -> None:
    text = token(KEYS["one"], nbf=NOW)
    assert verify(text, NOW + 299.9)
    assert "has expired" in refused(text, now=NOW + 300)
    assert verify(text, NOW - 60)
    assert "not good yet (nbf)" in refused(text, now=NOW - 61)
    assert "not good yet (iat)" in refused(token(KEYS["one"], iat=NOW + 61))


@pytest.mark.parametrize("moment", ["1900000000", True, None, [1], float("nan"), float("inf"), -float("inf")])
def test_a_time_that_is_none_is_refused(moment: Any) -> None:
    refused(token(KEYS["one"], exp=moment))
    if moment is not None:
        refused(token(KEYS["one"], nbf=moment))


@pytest.mark.parametrize("audience", ["other", ["other"], [], None, 5, "Calls", ["calls", 5]])
def test_another_audience_is_refused(audience: Any) -> None:
    refused(raw_signed(claims(aud=audience)))


def raw_signed(payload: Mapping[str, Any]) -> str:
    """Sign what PyJWT would not."""
    head = raw({"alg": "RS256", "kid": "one", "typ": "JWT"}, dict(payload)).removesuffix(".")
    signature = jwt.algorithms.RSAAlgorithm(jwt.algorithms.RSAAlgorithm.SHA256).sign(
        head.encode(), KEYS["one"]
    )
    return f"{head}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def test_one_of_several_audiences_may_be_ours() -> None:
    assert verify(raw_signed(claims(aud=["other", AUDIENCE])))


@pytest.mark.parametrize("issuer", ["https://evil.example/", ISSUER.rstrip("/"), "", None, 5, [ISSUER]])
def test_an_issuer_who_is_not_trusted_is_refused(issuer: Any) -> None:
    assert "not trusted" in refused(raw_signed(claims(iss=issuer)))


def test_a_key_that_is_not_published_is_refused() -> None:
    assert "does not publish" in refused(token(rsa_key("mallory"), "mallory"))
    assert "not good: InvalidSignatureError" in refused(token(rsa_key("mallory"), "one"))
    assert "does not publish" in refused(token(KEYS["two"], "one", "ES256"))


def test_without_a_signature_it_is_refused() -> None:
    """`none` in any spelling, and a signature that was cut off (RFC 8725 §2.1)."""
    for name in ("none", "None", "NONE", "nOnE", ""):
        assert "algorithm" in refused(raw({"alg": name, "kid": "one"}, claims()))
    good = token(KEYS["one"])
    refused(good.rpartition(".")[0] + ".")
    refused(good.rpartition(".")[0])


def test_a_public_key_is_no_shared_secret() -> None:
    """HS256 with the public key in any of its forms (RFC 8725 §2.1)."""
    public = KEYS["one"].public_key()
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    der = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    for secret in (pem, pem.strip(), der, json.dumps(jwk(KEYS["one"], "one")).encode()):
        for size in ("256", "384", "512"):
            hmac = jwt.algorithms.HMACAlgorithm(getattr(jwt.algorithms.HMACAlgorithm, f"SHA{size}"))
            head = raw({"alg": f"HS{size}", "kid": "one"}, claims()).removesuffix(".")
            signature = base64.urlsafe_b64encode(hmac.sign(head.encode(), secret)).rstrip(b"=").decode()
            assert "algorithm" in refused(f"{head}.{signature}")


@pytest.mark.parametrize(
    "header",
    [
        {"alg": ["RS256"], "kid": "one"},
        {"alg": "RS256", "kid": ["one"]},
        {"alg": "RS256", "kid": None},
        {"alg": "RS256", "kid": "one", "crit": ["exp"]},
        {"alg": "RS256", "kid": "one", "b64": False, "crit": ["b64"]},
        {"kid": "one"},
        [],
        "RS256",
        b"[" * 3000,
    ],
)
def test_a_strange_header_is_refused(header: Any) -> None:
    refused(raw(header, claims(), "c2ln"))


@pytest.mark.parametrize("payload", [[], "text", b"[" * 4000, b'{"iss":' * 700, b"\xff", {"exp": 10**400}])
def test_a_strange_payload_is_refused(payload: Any) -> None:
    refused(raw({"alg": "RS256", "kid": "one"}, payload, "c2ln"))


def test_a_long_token_is_not_read() -> None:
    assert "8192" in refused(token(KEYS["one"], padding="x" * 8192))


@pytest.mark.parametrize("subject", ["", "x" * 256, "a\0b", "\ud800"])
def test_a_subject_that_cannot_be_is_refused(subject: str) -> None:
    with pytest.raises(TokenRefusedError):
        verify(token(KEYS["one"], sub=subject)).identity()


def test_a_name_that_somebody_chose_is_no_name_of_ours() -> None:
    """A token's `preferred_username` is an attribute, and mail counts only when it is verified."""
    found = verify(
        token(KEYS["one"], preferred_username="root", uid="root", email="root@example.com", groups="staff")
    ).identity()
    assert (found.uid, found.groups, found.first("mail")) == ("alice", (), None)
    proven = verify(token(KEYS["one"], email="a@example.com", email_verified=True)).identity()
    assert proven.first("mail") == "a@example.com"


def test_an_issuer_can_insist_on_access_tokens(tmp_path: Any) -> None:
    """As our own modules do, whose keys are in the ring (RFC 9068 §4)."""

    @dataclass
    class Own:
        keys: RingKeys
        issuer: str = ISSUER
        types: frozenset[str] | None = frozenset({"at+jwt"})

        def identity(self, claims: Mapping[str, Any]) -> Identity:
            return Identity("local", claims["sub"], "alice")

    clock = FakeClock(NOW)
    generate(tmp_path, use="oidc", kind="p-256", clock=clock, retention=60.0)
    generate(tmp_path, use="jitsi", kind="p-256", clock=clock, retention=60.0)
    ring = KeyRing(tmp_path, clock, retention=60.0)
    own = Own(RingKeys(ring, "oidc"))

    def sign(use: str, **options: Any) -> Verified:
        key = ring.signing_key(use, "ES256")
        text = token(key.private, key.kid, "ES256", **options)
        return TokenVerifier(clock).verify(text, {ISSUER: own}.get, AUDIENCE)

    assert sign("oidc", typ="at+JWT").identity() == Identity("local", "alice", "alice")
    for use, typ in (("oidc", "JWT"), ("oidc", None), ("jitsi", "at+jwt")):
        with pytest.raises(TokenRefusedError):
            sign(use, typ=typ)
    own = replace(own, types=None)
    assert sign("oidc")
    assert own.keys.key(None, "ES256") is None
    assert own.keys.key(ring.signing_key("oidc", "ES256").kid, "RS256") is None


GOOD = token(KEYS["one"])


@given(
    st.text(max_size=200) | st.from_regex(r"[A-Za-z0-9_-]{0,40}(\.[A-Za-z0-9_-]{0,40}){0,4}", fullmatch=True)
)
def test_any_text_is_refused(text: str) -> None:
    with pytest.raises(TokenRefusedError):
        verify(text)


@given(st.integers(0, len(GOOD) - 1), st.characters(codec="utf-8"))
def test_a_token_that_was_changed_is_refused(place: int, character: str) -> None:
    changed = GOOD[:place] + character + GOOD[place + 1 :]
    try:
        found = verify(changed)
    except TokenRefusedError:
        return
    # The last character of a part may have bits that mean nothing (RFC 4648 §3.5).
    assert found.claims == claims()
