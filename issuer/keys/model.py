"""What a key is to those who use the ring."""

import hashlib
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from issuer.errors import UnavailableError

PrivateKey = RSAPrivateKey | EllipticCurvePrivateKey | Ed25519PrivateKey
Kty = Literal["RSA", "EC", "OKP"]

RETENTION_MARGIN = 70.0
"""Seconds that a retired key outlives the longest token: a worker may notice its retirement 10 s late, and
the clocks of machines may differ by a minute."""


class KeyRingError(Exception):
    """A key cannot be had, read or changed; the message says what to do, and never holds key material."""


class KeysUnknownError(UnavailableError, KeyRingError):
    """The key directory has not been read for too long: which keys still count is unknown."""

    code = "keys_unknown"


class KeyState(StrEnum):
    """Where a key is in its life; keys in all three states are published."""

    NEXT = "next"
    ACTIVE = "active"
    RETIRED = "retired"


@dataclass(frozen=True, slots=True)
class PublicKey:
    """The public half of a key, in the forms in which it is served."""

    kid: str
    use: str
    kty: Kty
    state: KeyState
    pem: bytes
    jwk: dict[str, str]
    kid_sha256: str
    certificate: bytes | None
    """The self-signed X.509 certificate in PEM, of RSA keys only."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key that is parsed and ready to sign; its repr shows no key material."""

    kid: str
    private: PrivateKey = field(repr=False)
    public: PublicKey


def kid_digest(kid: str) -> str:
    """Return the name under which Jitsi's key server asks for a kid: SHA-256 in lower-case hex."""
    return hashlib.sha256(kid.encode()).hexdigest()
