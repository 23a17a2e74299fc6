"""Keys from elsewhere: what is taken, and how clearly the rest is refused."""

import json
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwk import ECKey, JWKRegistry, OKPKey, RSAKey

from issuer.keys import KeyRingError, KeyState, PrivateKey, material
from issuer.keys.parsing import LARGEST, parse_private
from tests.keys.conftest import Ring

ENCODING = serialization.Encoding.PEM
PKCS8 = serialization.PrivateFormat.PKCS8
OLD = serialization.PrivateFormat.TraditionalOpenSSL
PLAIN = serialization.NoEncryption()
LOCKED = serialization.BestAvailableEncryption(b"secret")


@pytest.mark.parametrize("kind", ["rsa-2048", "p-256", "ed25519"])
def test_every_form_of_a_key_is_the_same_key(kind: str) -> None:
    key = material.generate_private(kind)
    forms = [material.private_pem(key).encode(), json.dumps(material.private_jwk(key, "k1")).encode()]
    if not isinstance(key, ed25519.Ed25519PrivateKey):
        forms.append(key.private_bytes(ENCODING, OLD, PLAIN))  # PKCS#1, SEC1
    read = [parse_private(form) for form in forms]
    assert {material.thumbprint(private) for private, _ in read} == {material.thumbprint(key)}
    assert [kid for _, kid in read] == [None, "k1", None][: len(read)]


@pytest.mark.server
def test_keys_that_openssl_makes_are_taken(tmp_path: Path) -> None:
    made = {
        "rsa-2048": "genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048",
        "p-256": "ecparam -name prime256v1 -genkey",
        "ed25519": "genpkey -algorithm ed25519",
    }
    for kind, command in made.items():
        data = subprocess.run(["openssl", *command.split()], check=True, capture_output=True).stdout
        assert material.kind_of(parse_private(data)[0]) == kind


def test_keys_that_joserfc_makes_are_taken() -> None:
    makers: list[RSAKey | ECKey | OKPKey] = [
        RSAKey.generate_key(2048),
        ECKey.generate_key("P-256"),
        OKPKey.generate_key("Ed25519"),
    ]
    for made in makers:
        private, _ = parse_private(json.dumps(made.as_dict(private=True)).encode())
        assert material.thumbprint(private) == made.thumbprint()


def test_an_rsa_jwk_of_three_numbers_is_taken(rsa_key: PrivateKey) -> None:
    jwk = material.private_jwk(rsa_key, "k1")
    few = {name: jwk[name] for name in ("kty", "n", "e", "d")}
    assert material.thumbprint(parse_private(json.dumps(few).encode())[0]) == material.thumbprint(rsa_key)


def test_the_thumbprint_is_that_of_the_example_in_rfc_8037() -> None:
    """RFC 8037 §A.1 to §A.3."""
    jwk = {
        "kty": "OKP",
        "crv": "Ed25519",
        "d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
        "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
    }
    private, _ = parse_private(json.dumps(jwk).encode())
    assert material.thumbprint(private) == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


def test_coordinates_with_leading_zeros_keep_their_length() -> None:
    """RFC 7518 §6.2.1.2: the octets of a coordinate have the full size of the field."""
    keys = (ec.derive_private_key(secret, ec.SECP256R1()) for secret in range(1, 5000))
    short = next(key for key in keys if key.public_key().public_numbers().x < 1 << 248)
    jwk = material.publish(short, "k", "jitsi", KeyState.ACTIVE).jwk
    assert len(jwk["x"]) == len(jwk["y"]) == 43
    assert JWKRegistry.import_key(dict(jwk)).thumbprint() == material.thumbprint(short)


def refused() -> dict[str, tuple[object, str]]:
    return {
        "RSA 1024": (rsa.generate_private_key(65537, 1024), "1024 bits: RSA with 2048 to 4096"),
        "RSA with e=3": (rsa.generate_private_key(3, 2048), "exponent below 65537"),
        "P-384": (ec.generate_private_key(ec.SECP384R1()), "curve secp384r1: RSA with"),
        "secp256k1": (ec.generate_private_key(ec.SECP256K1()), "curve secp256k1: RSA with"),
        "Ed448": (ed448.Ed448PrivateKey.generate(), "Ed25519 keys are taken"),
        "DSA": (dsa.generate_private_key(1024), "Ed25519 keys are taken"),
    }


def test_other_keys_are_refused_by_name() -> None:
    for name, (key, text) in refused().items():
        pem = key.private_bytes(ENCODING, PKCS8, PLAIN)  # type: ignore[attr-defined]
        with pytest.raises(KeyRingError, match=text):
            pytest.fail(f"{name}: {parse_private(pem)}")


def test_encrypted_keys_are_refused_with_the_way_out(rsa_key: PrivateKey) -> None:
    for form in (PKCS8, OLD):
        with pytest.raises(KeyRingError, match="openssl pkey -in"):
            parse_private(rsa_key.private_bytes(ENCODING, form, LOCKED))


def test_public_keys_are_refused(rsa_key: PrivateKey) -> None:
    published = material.publish(rsa_key, "k", "jitsi", KeyState.ACTIVE)
    for data in (published.pem, json.dumps(published.jwk).encode(), b"-----BEGIN CERTIFICATE-----"):
        with pytest.raises(KeyRingError, match="only the public part"):
            parse_private(data)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", "not a private key"),
        (b"x" * (LARGEST + 1), "larger than any key"),
        (b"{", "not valid JSON"),
        (b'{"keys": []}', "JWKS"),
        (b'{"kty": "oct", "k": "c2VjcmV0"}', "`kty`"),
        (b'{"kty": ["RSA"], "d": ""}', "`kty`"),
        (b'{"kty": "RSA", "use": "enc", "d": ""}', "not for signing"),
        (b'{"kty": "RSA", "d": ""}', "not a valid RSA key"),
        (b'{"kty": "EC", "crv": "P-256", "d": 1, "x": 2, "y": 3}', "not a valid EC key"),
        (b'{"kty": "OKP", "crv": "Ed25519", "d": "AA", "x": "AA"}', "not a valid OKP key"),
    ],
)
def test_what_is_no_key_is_refused(data: bytes, text: str) -> None:
    with pytest.raises(KeyRingError, match=text):
        parse_private(data)


def test_a_refusal_quotes_no_key(rsa_key: PrivateKey) -> None:
    jwk = material.private_jwk(rsa_key, "k1")
    jwk["p"] = jwk["q"]
    pem = material.private_pem(rsa_key)
    for data in (json.dumps(jwk), pem.replace("A", "B"), pem[:-200]):
        with pytest.raises(KeyRingError) as caught:
            parse_private(data.encode())
        assert jwk["d"][:20] not in str(caught.value)
        assert caught.value.__suppress_context__


def test_a_kid_that_is_no_string_is_refused(ring: Ring) -> None:
    jwk = {**material.private_jwk(material.generate_private("ed25519"), "k"), "kid": 7}
    with pytest.raises(KeyRingError, match="not a string"):
        ring.add(json.dumps(jwk).encode())


MEMBERS = st.sampled_from(
    ["kty", "crv", "x", "y", "d", "n", "e", "p", "q", "dp", "dq", "qi", "oth", "use", "kid"]
)
SMALL = st.text(max_size=60) | st.none() | st.integers() | st.lists(st.integers(), max_size=2)
VALUES = st.sampled_from(["RSA", "EC", "OKP", "P-256", "Ed25519", "AQAB", "AA", "A" * 43]) | SMALL


@given(st.dictionaries(MEMBERS, VALUES).map(json.dumps).map(str.encode) | st.binary())
def test_any_input_is_a_key_or_a_clear_refusal(data: bytes) -> None:
    try:
        private, _ = parse_private(data)
    except KeyRingError as error:
        assert str(error)  # noqa: PT017 - either outcome is right
    else:
        assert material.accepted(private) is private


@given(st.sampled_from(["p-256", "ed25519"]), st.booleans(), st.integers(min_value=0), st.binary(max_size=4))
def test_damaged_keys_are_keys_or_clear_refusals(kind: str, as_jwk: bool, at: int, patch: bytes) -> None:
    key = material.generate_private(kind)
    whole = (json.dumps(material.private_jwk(key, "k")) if as_jwk else material.private_pem(key)).encode()
    at %= len(whole)
    try:
        parse_private(whole[:at] + patch + whole[at + len(patch) :])
    except KeyRingError as error:
        assert str(error)  # noqa: PT017 - either outcome is right
