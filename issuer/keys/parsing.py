"""Reads a private key from PEM (PKCS#8, PKCS#1, SEC1) or from a JWK, and says clearly why it does not."""

import json
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm
from jwt.exceptions import InvalidKeyError

from issuer.keys.material import ACCEPTED, accepted
from issuer.keys.model import KeyRingError, PrivateKey

LARGEST = 8_192
"""Bytes; an RSA key of 4096 bits takes less than 4,000."""

_READERS = {"RSA": RSAAlgorithm.from_jwk, "EC": ECAlgorithm.from_jwk, "OKP": OKPAlgorithm.from_jwk}


def parse_private(data: bytes) -> tuple[PrivateKey, str | None]:
    """Return the private key in `data`, and the kid if it is a JWK that has one."""
    if len(data) > LARGEST:
        raise KeyRingError(f"This is larger than any key ({len(data)} bytes): give one key, as PEM or JWK.")
    if data.lstrip().startswith(b"{"):
        return _parse_jwk(data)
    return parse_pem(data), None


def parse_pem(data: bytes) -> PrivateKey:
    """Return the private key in a PEM text."""
    # RFC 7468 §11 (PKCS#8), RFC 1421 §4.6.1.1 (the older form).
    if b"BEGIN ENCRYPTED PRIVATE KEY" in data or b"Proc-Type: 4,ENCRYPTED" in data:
        raise KeyRingError(
            "This key is encrypted. Decrypt it first: `openssl pkey -in key.pem -out plain.pem`, import "
            "that, and remove it."
        )
    if b"PRIVATE KEY-----" not in data and (b"PUBLIC KEY-----" in data or b"CERTIFICATE-----" in data):
        raise KeyRingError("This is only the public part: import the private key, which signs.")
    try:
        private = serialization.load_pem_private_key(data, password=None)
    except UnsupportedAlgorithm as error:
        raise KeyRingError(f"This key is of an unknown type: {ACCEPTED}.") from error
    except (ValueError, TypeError):
        # The library's text is left out: it may quote what it read.
        raise KeyRingError("This is not a private key in PEM or JWK form, or it is damaged.") from None
    return accepted(private)


def _parse_jwk(data: bytes) -> tuple[PrivateKey, str | None]:
    jwk = _decode(data)
    if "keys" in jwk:
        raise KeyRingError("This is a set of keys (JWKS): give one key of it, as a JWK.")
    if jwk.get("use", "sig") != "sig":  # RFC 7517 §4.2
        raise KeyRingError("This JWK is not for signing: its `use` is not `sig`.")
    kty = jwk.get("kty")
    if not isinstance(kty, str) or kty not in _READERS:
        raise KeyRingError(f"The `kty` of this JWK is not known: {ACCEPTED}.")
    if "d" not in jwk:
        raise KeyRingError("This JWK has no `d`, so it is only the public part: import the private key.")
    try:
        private = accepted(_READERS[kty](jwk))
    except (
        InvalidKeyError,
        UnsupportedAlgorithm,
        ValueError,
        TypeError,
        KeyError,
        AttributeError,
        ArithmeticError,
    ):
        # The library's text is left out: it may quote what it read.
        raise KeyRingError(
            f"This JWK is not a valid {kty} key of a kind that is taken: {ACCEPTED}."
        ) from None
    kid = jwk.get("kid")
    if kid is not None and not isinstance(kid, str):
        raise KeyRingError("The `kid` of this JWK is not a string (RFC 7517 §4.5).")
    return private, kid


def _decode(data: bytes) -> dict[str, Any]:
    try:
        jwk = json.loads(data)
    except (ValueError, RecursionError):
        raise KeyRingError("This looks like a JWK, but it is not valid JSON.") from None
    if not isinstance(jwk, dict):
        raise KeyRingError("This looks like a JWK, but it is not a JSON object.")
    return jwk
