"""Seals secrets for the store: the database alone tells none, and nobody can try recovery codes on it."""

import hmac

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pydantic import SecretStr

from issuer.world import Randomness

NONCE_BYTES = 12
KEY_BYTES = 32


class SealError(Exception):
    """Something was sealed with another key, or for somebody else."""


class Vault:
    """Seals with AES-256-GCM, under keys derived from the operator's (HKDF, RFC 5869 §2)."""

    def __init__(self, key: SecretStr, randomness: Randomness) -> None:
        """Derive one key for sealing, and one for recovery codes."""
        self._cipher = AESGCM(_derived(key, b"issuer second factor: secrets"))
        self._hash_key = _derived(key, b"issuer second factor: recovery codes")
        self._randomness = randomness

    def seal(self, text: str, owner: str) -> bytes:
        """Return a text as only this vault reads it, and only for its owner."""
        nonce = self._randomness.bytes(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, text.encode(), _bytes(owner))

    def open(self, sealed: bytes, owner: str) -> str:
        """Return a text that was sealed; raise `SealError` when it was not, or by another key."""
        try:
            opened = self._cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], _bytes(owner))
        except (InvalidTag, ValueError):
            raise SealError("sealed with another key") from None
        return opened.decode()

    def digest(self, code: str, owner: str) -> bytes:
        """Return the keyed hash of a recovery code."""
        return hmac.digest(self._hash_key, _bytes(f"{owner}\0{code}"), "sha256")


def _derived(key: SecretStr, use: bytes) -> bytes:
    return HKDF(SHA256(), KEY_BYTES, None, use).derive(key.get_secret_value().encode())


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
