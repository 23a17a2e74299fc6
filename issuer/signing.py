"""Signers: what makes a JWT of claims (RFC 7519), with a shared secret or with the key ring."""

from collections.abc import Mapping
from typing import Any, Protocol

import jwt
from pydantic import SecretStr

from issuer.keys import KeyRing

HMAC_BYTES = {"HS256": 32, "HS384": 48, "HS512": 64}
"""Least length of a shared secret, in bytes (RFC 7518 §3.2)."""


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
        self._secret = secret.get_secret_value().encode()

    def sign(self, claims: Mapping[str, Any]) -> tuple[str, None]:
        """Return the token and no `kid`."""
        return jwt.encode(dict(claims), self._secret, self._algorithm), None


class RingSigner:
    """Signs with the active key of the ring for one use."""

    def __init__(self, keys: KeyRing, use: str, algorithm: str) -> None:
        """Keep where the key comes from; it is looked up for every token, since keys rotate."""
        self._keys = keys
        self._use = use
        self._algorithm = algorithm

    def sign(self, claims: Mapping[str, Any]) -> tuple[str, str]:
        """Return the token and the `kid` of the active key.

        Raises:
            issuer.keys.KeyRingError: there is no active key that fits.
        """
        key = self._keys.signing_key(self._use, self._algorithm)
        return jwt.encode(dict(claims), key.private, self._algorithm, {"kid": key.kid}), key.kid
