"""Delay ids as the store holds them: whoever has one can send somebody's leave event, so they are encrypted.

The key comes from the API secret, which all machines share and no table holds. With another secret the old
jobs cannot be read: they are dropped, and the homeserver sends their events.
"""

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from issuer.world import Randomness

NONCE_BYTES = 12
"""NIST SP 800-38D §8.2.2; a random one serves for 2^32 seals."""
PURPOSE = b"issuer: delay ids of delegated leave events"


class Sealer:
    """Encrypts with AES-256-GCM."""

    def __init__(self, secret: str, randomness: Randomness) -> None:
        """Derive the key (RFC 5869)."""
        key = HKDF(SHA256(), 32, salt=None, info=PURPOSE).derive(secret.encode())
        self._cipher = AESGCM(key)
        self._randomness = randomness

    def seal(self, text: str, about: str) -> bytes:
        """Encrypt a text; it opens only together with what it is about."""
        nonce = self._randomness.bytes(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, text.encode(), about.encode())

    def open(self, sealed: bytes, about: str) -> str | None:
        """Return the text; None when it was sealed with another secret, or is about something else."""
        try:
            return self._cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], about.encode()).decode()
        except (InvalidTag, ValueError):
            return None
