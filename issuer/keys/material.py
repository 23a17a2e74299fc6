"""Key material: which keys are taken, how they are made, and what is published of them.

The randomness for new keys is that of OpenSSL: `cryptography` takes no other.
"""

import base64
import hashlib
import json
import re
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from issuer.keys.certificates import self_signed
from issuer.keys.model import KeyRingError, KeyState, Kty, PrivateKey, PublicKey, kid_digest

SECRET_BYTES = 32
KINDS = ("rsa-2048", "rsa-3072", "rsa-4096", "p-256", "ed25519")
ACCEPTED = "RSA with 2048 to 4096 bits, P-256 and Ed25519 keys are taken"

_FAMILY: dict[str, Kty] = {"p-256": "EC", "ed25519": "OKP"}
_DEFAULT_KIND: dict[Kty, str] = {"RSA": "rsa-2048", "EC": "p-256", "OKP": "ed25519"}
# RFC 7638 §3.2 (RSA, EC) and RFC 8037 §2 (OKP): the members that a thumbprint covers.
_REQUIRED_MEMBERS: dict[Kty, tuple[str, ...]] = {
    "RSA": ("e", "kty", "n"),
    "EC": ("crv", "kty", "x", "y"),
    "OKP": ("crv", "kty", "x"),
}
# RFC 7518 §3.1, RFC 8037 §3.1. An RSA key serves RS256, RS384 and RS512, so its JWK names none of them.
_NATURAL_ALGORITHM: dict[Kty, str] = {"EC": "ES256", "OKP": "EdDSA"}


def family(kind: str) -> Kty:
    """Return the key type (`kty`) of a kind such as `rsa-2048`."""
    return _FAMILY.get(kind, "RSA")


def default_kind(kty: Kty) -> str:
    """Return the kind of key to suggest for a key type."""
    return _DEFAULT_KIND[kty]


def generate_private(kind: str) -> PrivateKey:
    """Make a new key. RSA takes a while: hold no lock."""
    if kind == "p-256":
        return ec.generate_private_key(ec.SECP256R1())
    if kind == "ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    size = re.fullmatch(r"rsa-(\d{4})", kind, re.ASCII)
    if size is None or not 2048 <= int(size[1]) <= 4096:
        raise KeyRingError(f"Unknown key type {kind!r}: use one of {', '.join(KINDS)}.")
    return rsa.generate_private_key(public_exponent=65537, key_size=int(size[1]))


def secret_of(private: PrivateKey, purpose: bytes) -> bytes:
    """Derive a secret for one purpose from a private key (HKDF, RFC 5869 §2).

    It comes from the number that the key is: how its file writes it, or what reads it, changes nothing.
    """
    match private:
        case rsa.RSAPrivateKey():
            number = private.private_numbers().d.to_bytes((private.key_size + 7) // 8)
        case ec.EllipticCurvePrivateKey():
            number = private.private_numbers().private_value.to_bytes(private.key_size // 8)
        case _:
            number = private.private_bytes_raw()
    return HKDF(SHA256(), SECRET_BYTES, None, purpose).derive(number)


def accepted(private: object) -> PrivateKey:
    """Return the key if it is one of the kinds that are taken."""
    match private:
        case rsa.RSAPrivateKey():
            if not 2048 <= private.key_size <= 4096:
                raise KeyRingError(f"This RSA key has {private.key_size} bits: {ACCEPTED}.")
            # FIPS 186-5 §5.4 (e): small exponents are fragile.
            if private.public_key().public_numbers().e < 65537:
                raise KeyRingError("This RSA key has a public exponent below 65537: make another key.")
            return private
        case ec.EllipticCurvePrivateKey():
            if not isinstance(private.curve, ec.SECP256R1):
                raise KeyRingError(f"This key is on the curve {private.curve.name}: {ACCEPTED}.")
            return private
        case ed25519.Ed25519PrivateKey():
            return private
    raise KeyRingError(f"This is not a key that can be used here: {ACCEPTED}.")


def kind_of(private: PrivateKey) -> str:
    """Return the kind of a key, such as `rsa-2048`."""
    match private:
        case rsa.RSAPrivateKey():
            return f"rsa-{private.key_size}"
        case ec.EllipticCurvePrivateKey():
            return "p-256"
        case ed25519.Ed25519PrivateKey():
            return "ed25519"


def _members(private: PrivateKey) -> dict[str, Any]:
    match private:
        case rsa.RSAPrivateKey():
            return RSAAlgorithm.to_jwk(private, as_dict=True)
        case ec.EllipticCurvePrivateKey():
            return ECAlgorithm.to_jwk(private, as_dict=True)
        case ed25519.Ed25519PrivateKey():
            return OKPAlgorithm.to_jwk(private, as_dict=True)


def _required(private: PrivateKey) -> dict[str, str]:
    members = _members(private)
    return {name: members[name] for name in _REQUIRED_MEMBERS[family(kind_of(private))]}


def thumbprint(private: PrivateKey) -> str:
    """Return the SHA-256 thumbprint of the public key (RFC 7638 §3)."""
    canonical = json.dumps(_required(private), sort_keys=True, separators=(",", ":"))
    return base64.urlsafe_b64encode(hashlib.sha256(canonical.encode()).digest()).rstrip(b"=").decode()


def private_pem(private: PrivateKey) -> str:
    """Return the key as PKCS#8 in PEM, not encrypted."""
    return private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def private_jwk(private: PrivateKey, kid: str) -> dict[str, Any]:
    """Return the whole key as a JWK (RFC 7517)."""
    return {**_members(private), "kid": kid, "use": "sig"}


def publish(private: PrivateKey, kid: str, use: str, state: KeyState) -> PublicKey:
    """Return the public half in the forms in which it is served."""
    kty = family(kind_of(private))
    jwk = {**_required(private), "kid": kid, "use": "sig"}
    if kty in _NATURAL_ALGORITHM:
        jwk["alg"] = _NATURAL_ALGORITHM[kty]
    pem = private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    certificate = self_signed(private, kid) if isinstance(private, rsa.RSAPrivateKey) else None
    return PublicKey(kid, use, kty, state, pem, jwk, kid_digest(kid), certificate)
