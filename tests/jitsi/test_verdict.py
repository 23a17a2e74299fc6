from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from issuer.jitsi.verdict import judge_token
from tests.jitsi.tokens import CLAIMS, NOW, SECRET, faults, server, token


@pytest.fixture(scope="session")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def pem_of(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def test_good_token_has_a_finding_for_every_check() -> None:
    found = judge_token(token(), server(), NOW)
    assert all(finding.ok for finding in found)
    assert {finding.what for finding in found} == {
        *("size", "typ", "alg", "signature", "iss", "aud", "exp", "nbf", "room", "sub", "context")
    }


def cases(claim: str, *values: object) -> list[tuple[str, object]]:
    return [(claim, value) for value in values]


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
def test_shared_secret(algorithm: str) -> None:
    made = jwt.encode(CLAIMS, SECRET, algorithm)
    assert faults(made, server(algorithm=algorithm)) == []
    assert faults(made, server(algorithm=algorithm, secret=b"t" * 64)) == ["signature"]
    assert faults(made, server(algorithm=algorithm, secret=None)) == ["signature"]
    assert faults(made[:-4] + "AAAA", server(algorithm=algorithm)) == ["signature"]


@pytest.mark.parametrize("algorithm", ["RS256", "RS384", "RS512"])
def test_key_server(key: rsa.RSAPrivateKey, algorithm: str) -> None:
    made = jwt.encode(CLAIMS, key, algorithm, headers={"kid": "k1"})
    asked = []

    def fetch(kid: str) -> bytes:
        asked.append(kid)
        return pem_of(key)

    assert faults(made, server(algorithm=algorithm, secret=None, fetch_key=fetch)) == []
    assert asked == ["k1"]


@pytest.mark.parametrize("served", [None, b"", b"<html>", b"-----BEGIN CERTIFICATE-----"])
def test_key_server_without_the_key(key: rsa.RSAPrivateKey, served: bytes | None) -> None:
    made = jwt.encode(CLAIMS, key, "RS256", headers={"kid": "k1"})
    at = server(algorithm="RS256", fetch_key=lambda kid: served)
    assert faults(made, at) == ["kid", "signature"]


def test_keys_that_do_not_fit(key: rsa.RSAPrivateKey) -> None:
    made = jwt.encode(CLAIMS, key, "RS256", headers={"kid": "k1"})
    others = (
        pem_of(rsa.generate_private_key(65537, 2048)),
        pem_of(ec.generate_private_key(ec.SECP256R1())),
        b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
    )
    for other in others:
        assert faults(made, server(algorithm="RS256", fetch_key=lambda kid, pem=other: pem)) == ["signature"]


@pytest.mark.parametrize("kid", [..., None, 7, ["k1"]])
def test_key_server_needs_a_kid(key: rsa.RSAPrivateKey, kid: object) -> None:
    at = server(algorithm="RS256", fetch_key=lambda kid: pem_of(key))
    assert faults(token({"alg": "RS256", "kid": kid}), at) == ["kid", "signature"]


def test_key_server_refuses_shared_secrets(key: rsa.RSAPrivateKey) -> None:
    """Else the public key, which everybody has, would be the secret."""
    at = server(fetch_key=lambda kid: pem_of(key))
    assert "alg" in faults(token({"kid": "k1"}), at)
    at = server(algorithm="RS256", fetch_key=lambda kid: pem_of(key))
    assert faults(token({"kid": "k1"}), at) == ["alg", "signature"]


@pytest.mark.parametrize(
    "alg", ["none", "HS384", "RS256", "ES256", "PS256", "EdDSA", "hs256", "", None, 7, ...]
)
def test_other_algorithms_are_refused(alg: object) -> None:
    assert faults(token({"alg": alg})) == ["alg", "signature"]


@pytest.mark.parametrize("alg", ["none", "ES256", "PS256", "EdDSA"])
def test_jitsi_knows_no_other_algorithms(alg: str) -> None:
    assert faults(token({"alg": alg}), server(algorithm=alg)) == ["alg", "signature"]


@pytest.mark.parametrize("typ", ["jwt", "at+jwt", None, ..., 7])
def test_typ(typ: object) -> None:
    assert faults(token({"typ": typ})) == ["typ"]


@pytest.mark.parametrize(
    ("claim", "value"),
    [
        *cases("iss", "https://auth.example.com", "HTTPS://auth.example.com/", None, ..., []),
        *cases("aud", "Jitsi", ["jitsi"], None, ..., {}, "*"),
        *cases("exp", 1_800_000_000, 0, "1900000000", None, ..., True, 10**400),
        *cases("nbf", 1_800_000_001, "0", None, True, -(10**400)),
        *cases("room", "other", "my room", "My Room", "", None, ..., 7, ["my%20room"]),
        *cases("sub", None, ..., 7, []),
        *cases("context", None, 7, "x", [], {"user": None}, {"room": None}, {"group": None}),
        ("context", {"user": {"id": None}}),
        ("context", {"user": {"id": 7}}),
        ("context", {"user": {"id": ["a"]}}),
        ("context", {"user": {"two words": "a"}}),
        ("context", {"user": {"xml:lang": "a"}}),
        ("context", {"user": {"name": "bell\x07"}}),
        ("context", {"user": {"name": "\ufffe"}}),
        ("context", {"group": "\x01"}),
        ("context", {"extra": [{"\x01": "a"}]}),
        ("context", {"features": None}),
        ("context", {"group": ["a"]}),
        ("context", {"tenant": 7}),
    ],
)
def test_claims_that_jitsi_refuses_or_chokes_on(claim: str, value: Any) -> None:
    assert faults(token(None, **{claim: value})) == [claim]


@pytest.mark.parametrize(
    "changes",
    [{"nbf": ...}, {"iat": "junk"}, {"context": ...}, {"context": {}}, {"room": "*"}, {"room": "MY%20room"}],
)
def test_claims_that_jitsi_takes(changes: dict[str, Any]) -> None:
    assert faults(token(**changes)) == []


def test_times_have_no_leeway() -> None:
    assert faults(token(), now=1_800_000_299.99) == []
    assert faults(token(), now=1_800_000_300) == ["exp"]
    assert faults(token(), now=1_799_999_990) == []
    assert faults(token(), now=1_799_999_989.99) == ["nbf"]


def test_domain_is_compared_in_any_case_when_it_is_verified() -> None:
    assert faults(token(sub="Meet.Jitsi"), server(domain="meet.jitsi")) == []
    assert faults(token(sub="*"), server(domain="meet.jitsi")) == []
    assert faults(token(sub="meet.example.com"), server(domain="meet.jitsi")) == ["sub"]
    assert faults(token(sub="anything")) == []


def test_a_room_that_is_a_pattern_is_not_judged() -> None:
    pattern = token(room="board.*", context={"room": {"regex": True}})
    assert faults(pattern) == ["room"]
    assert faults(pattern, server(room=None)) == []


@pytest.mark.parametrize(
    "pattern",
    ["board.*", "a-b", "%w+", "[%w_]+", "[^%]]+", "[]a]", "(%d+)-%1", "%bxy", "%f[%w]x", "a]b", "", "()x"],
)
def test_patterns_that_lua_takes(pattern: str) -> None:
    assert faults(token(room=pattern, context={"room": {"regex": True}}), server(room=None)) == []


@pytest.mark.parametrize(
    "pattern", ["%", "a%", "[", "[a", "[%", "[]", "[^]", "(a", "a)", "%b", "%bx", "%fx", "x(y(z)"]
)
def test_patterns_that_lua_does_not_take(pattern: str) -> None:
    """`issuer verify` knows the rules of 2026 (missing `sub`, bad patterns, features)."""
    assert faults(token(room=pattern, context={"room": {"regex": True}}), server(room=None)) == ["room"]
    assert faults(token(room=pattern), server(room=None)) == []


@pytest.mark.parametrize(
    "features", [{"outbound_call": True}, {"recording": 1}, {"recording": "yes"}, {"x": None}]
)
def test_features_that_allow_nothing(features: dict[str, Any]) -> None:
    assert faults(token(context={"features": features})) == ["context"]


def test_features_as_jitsi_takes_them() -> None:
    features = {"recording": True, "outbound-call": "false", "live-translation-subscribe": "true"}
    assert faults(token(context={"features": features})) == []


def test_size() -> None:
    small = token(pad="")
    padded = token(pad="x" * ((8190 - len(small)) * 3 // 4))
    assert 8180 < len(padded) < 8192
    assert faults(padded) == []
    assert faults(token(pad="x" * 7000)) == ["size"]


def test_secret_is_not_in_the_repr() -> None:
    assert "ssss" not in repr(server())
