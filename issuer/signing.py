"""Signers: what makes a JWT of claims (RFC 7519), with a shared secret or with the key ring."""

import binascii
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Protocol

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hmac import HMAC
from jwt.algorithms import get_default_algorithms
from pydantic import SecretStr

from issuer import jsontext
from issuer.keys import KeyRing

HMAC_BYTES = {"HS256": 32, "HS384": 48, "HS512": 64}
"""Least length of a shared secret, in bytes (RFC 7518 §3.2)."""
HASHES = {"HS256": hashes.SHA256(), "HS384": hashes.SHA384(), "HS512": hashes.SHA512()}

ECDSA_SHA256 = ECDSA(hashes.SHA256())
P256_BYTES = 32

_URLSAFE = bytes.maketrans(b"+/", b"-_")


class Signer(Protocol):
    """Signs claims."""

    def sign(self, claims: Mapping[str, Any]) -> tuple[str, str | None]:
        """Return the token and the `kid` of the key that signed it (None for a shared secret)."""
        ...


class SecretSigner:
    """Signs with a shared secret (HS256, HS384, HS512)."""

    def __init__(self, algorithm: str, secret: SecretStr) -> None:
        """Keep the secret; its length is the settings' business."""
        self._algorithm = algorithm
        self._begun = HMAC(secret.get_secret_value().encode(), HASHES[algorithm])

    def sign(self, claims: Mapping[str, Any]) -> tuple[str, None]:
        """Return the token and no `kid`."""
        return compact(_header(self._algorithm), claims, self._signature), None

    def _signature(self, text: bytes) -> bytes:
        """RFC 7518 §3.2."""
        begun = self._begun.copy()
        begun.update(text)
        return begun.finalize()


class RingSigner:
    """Signs with the active key of the ring for one use."""

    def __init__(self, keys: KeyRing, use: str, algorithm: str, typ: str = "JWT") -> None:
        """Keep where the key comes from; it is looked up for every token, since keys rotate.

        `typ` says what kind of token it is (RFC 8725 §3.11), as in `at+jwt`.
        """
        self._keys = keys
        self._use = use
        self._algorithm = algorithm
        self._typ = typ
        self._sign: Callable[[bytes, Any], bytes] = (
            _es256 if algorithm == "ES256" else get_default_algorithms()[algorithm].sign
        )

    def sign(self, claims: Mapping[str, Any]) -> tuple[str, str]:
        """Return the token and the `kid` of the active key.

        Raises:
            issuer.keys.KeyRingError: there is no active key that fits.
        """
        key = self._keys.signing_key(self._use, self._algorithm)
        header = _header(self._algorithm, key.kid, self._typ)
        return compact(header, claims, lambda text: self._sign(text, key.private)), key.kid


def _es256(text: bytes, key: EllipticCurvePrivateKey) -> bytes:
    """RFC 7518 §3.4. PyJWT makes the same, and asks the key for its curve each time: a quarter more."""
    r, s = decode_dss_signature(key.sign(text, ECDSA_SHA256))
    return r.to_bytes(P256_BYTES) + s.to_bytes(P256_BYTES)


def compact(header: bytes, claims: Mapping[str, Any], sign: Callable[[bytes], bytes]) -> str:
    """Return a signed token in compact form (RFC 7515 §3.1).

    PyJWT's own `encode` judges the key anew for each token: a quarter of the time of a whole HS256 login.
    """
    text = header + b"." + _base64url(jsontext.dump(claims))
    return (text + b"." + _base64url(sign(text))).decode()


@lru_cache(maxsize=64)
def _header(algorithm: str, kid: str | None = None, typ: str = "JWT") -> bytes:
    """Return the header, encoded (RFC 7515 §4)."""
    header = {"alg": algorithm, "kid": kid, "typ": typ} if kid else {"alg": algorithm, "typ": typ}
    return _base64url(jsontext.dump(header))


def _base64url(data: bytes) -> bytes:
    """RFC 7515 §2: without padding."""
    return binascii.b2a_base64(data, newline=False).translate(_URLSAFE).rstrip(b"=")
