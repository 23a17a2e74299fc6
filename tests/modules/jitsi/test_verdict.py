import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from modules.jitsi.verdict import JitsiServer, judge_token
from modules.jitsi.verdict_parts import Finding
from modules.jitsi.xmltext import claims_text, forbidden_in_xml

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


@pytest.fixture(scope="session")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def pem_of(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


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
    """Signed by hand, with any nonsense in it; a claim of ... is left out."""
    claims = {name: value for name, value in (CLAIMS | changes).items() if value is not ...}
    wanted = {"typ": "JWT", "alg": "HS256"} | (header or {})
    parts = [_encode({k: v for k, v in wanted.items() if v is not ...}), _encode(claims)]
    signature = hmac.digest(SECRET, ".".join(parts).encode(), hashlib.sha256)
    return ".".join([*parts, base64.urlsafe_b64encode(signature).decode().rstrip("=")])


def _encode(content: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")


def faults(text: str, at: JitsiServer | None = None, now: float = NOW) -> list[str]:
    return [finding.what for finding in judge_token(text, at or server(), now) if not finding.ok]


def test_good_token_has_a_finding_for_every_check() -> None:
    found = judge_token(token(), server(), NOW)
    assert all(finding.ok for finding in found)
    assert {finding.what for finding in found} == {
        *("size", "typ", "alg", "signature", "iss", "aud", "exp", "nbf", "room", "sub", "context")
    }


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
        *(
            ("iss", value)
            for value in ("https://auth.example.com", "HTTPS://auth.example.com/", None, ..., [])
        ),
        *(("aud", value) for value in ("Jitsi", ["jitsi"], None, ..., {}, "*")),
        *(("exp", value) for value in (1_800_000_000, 0, "1900000000", None, ..., True, 10**400)),
        *(("nbf", value) for value in (1_800_000_001, "0", None, True, -(10**400))),
        *(("room", value) for value in ("other", "my room", "My Room", "", None, ..., 7, ["my%20room"])),
        *(("sub", value) for value in (None, ..., 7, [])),
        *(
            ("context", value)
            for value in (None, 7, "x", [], {"user": None}, {"room": None}, {"group": None})
        ),
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
def test_claims_that_jitsi_refuses_or_chokes_on(claim: str, value: object) -> None:
    assert faults(token(**{claim: value})) == [claim]


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


def test_size() -> None:
    small = token(pad="")
    padded = token(pad="x" * ((8190 - len(small)) * 3 // 4))
    assert 8180 < len(padded) < 8192
    assert faults(padded) == []
    assert faults(token(pad="x" * 7000)) == ["size"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a.b",
        "a.b.c",
        "..",
        "é.é.é",
        token() + ".x",
        token() + "\n",
        _encode([]) + "." + _encode({}) + ".",
        _encode({}) + "." + _encode("x") + ".",
        _encode({"typ": "JWT"}) + "." + _encode({"exp": float("inf")}) + ".",
        _encode({"kid": "\ud800"}) + "." + _encode({}) + ".",
        "\ud800",
    ],
)
def test_junk_is_no_token(text: str) -> None:
    assert faults(text) == ["format"]


def test_nesting_beyond_all_reason_is_no_token() -> None:
    deep = base64.urlsafe_b64encode(b'{"a":' + b"[" * 100_000).decode().rstrip("=")
    assert faults(f"{_encode({})}.{deep}.") == ["size", "format"]
    nested = base64.urlsafe_b64encode(b'{"iss":' + b"[" * 400 + b"]" * 400 + b"}").decode().rstrip("=")
    assert "iss" in faults(f"{_encode({})}.{nested}.")


def test_secret_is_not_in_the_repr() -> None:
    assert "ssss" not in repr(server())


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
HEADERS = st.fixed_dictionaries({}, optional=dict.fromkeys(("typ", "alg", "kid"), JSON))
CONTEXTS = JSON | st.fixed_dictionaries(
    {}, optional=dict.fromkeys(("user", "room", "group", "features"), JSON)
)
CHANGES = st.fixed_dictionaries(
    {}, optional={**dict.fromkeys(("iss", "aud", "sub", "room", "exp", "nbf"), JSON), "context": CONTEXTS}
)


@given(header=HEADERS, changes=CHANGES)
def test_any_claims_give_findings(header: dict[str, Any], changes: dict[str, Any]) -> None:
    made = token(header, **changes)
    for at in (server(), server(fetch_key=lambda kid: kid.encode(), algorithm="RS256", domain="x")):
        found = judge_token(made, at, NOW)
        assert found
        assert all(isinstance(finding, Finding) and finding.text for finding in found)
        assert all("\n" not in finding.text for finding in found)


@given(
    st.text(max_size=60)
    | st.lists(st.binary(max_size=30), min_size=3, max_size=3).map(lambda parts: ".".join(_junk(parts)))
)
def test_any_text_gives_findings(text: str) -> None:
    assert faults(text)


def _junk(parts: list[bytes]) -> Iterator[str]:
    return (base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)


@given(st.text() | st.text(alphabet="a\x00\x01\x0b\x1f\t\n\r\ud800\ufffe\uffff\U0010ffff"))
def test_claims_text_leaves_only_what_xml_allows(text: str) -> None:
    cleaned = claims_text(text)
    assert not forbidden_in_xml(cleaned)
    assert claims_text(cleaned) == cleaned
    kept = [char for char in text if _in_xml(ord(char))]
    assert list(cleaned) == kept


def _in_xml(code: int) -> bool:
    """XML 1.0 §2.2: #x9 | #xA | #xD | [#x20-#xD7FF] | [#xE000-#xFFFD] | [#x10000-#x10FFFF]."""
    return code in {9, 10, 13} or 0x20 <= code <= 0xD7FF or 0xE000 <= code <= 0xFFFD or code >= 0x10000
