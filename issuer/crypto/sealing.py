"""Seals texts for the store: whoever reads the database alone learns nothing.

The key is derived from a secret of the operator's that all machines share and no table holds, another one for
each purpose. With another secret nothing opens.
"""

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from issuer.world import Randomness

NONCE_BYTES = 12
"""NIST SP 800-38D §8.2.2; a random one serves for 2^32 seals."""
KEY_BYTES = 32


class Sealer:
    """Encrypts with AES-256-GCM."""

    def __init__(self, secret: str, purpose: bytes, randomness: Randomness) -> None:
        self._cipher = AESGCM(derived(secret, purpose))
        self._randomness = randomness

    def seal(self, text: str, about: str) -> bytes:
        """Encrypt a text; it opens only together with what it is about."""
        return self.seal_bytes(text.encode(), about)

    def seal_bytes(self, content: bytes, about: str) -> bytes:
        """Encrypt bytes; they open only together with what they are about."""
        nonce = self._randomness.bytes(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, content, as_bytes(about))

    def open(self, sealed: bytes, about: str) -> str | None:
        """Return the text; None when it was sealed with another secret, or is about something else."""
        content = self.open_bytes(sealed, about)
        try:
            return None if content is None else content.decode()
        except UnicodeDecodeError:
            return None

    def open_bytes(self, sealed: bytes, about: str) -> bytes | None:
        """Return the bytes; None when they were sealed with another secret, or are about something else."""
        nonce, rest = sealed[:NONCE_BYTES], sealed[NONCE_BYTES:]
        try:
            return self._cipher.decrypt(nonce, rest, as_bytes(about))
        except (InvalidTag, ValueError):
            return None


def derived(secret: str, purpose: bytes) -> bytes:
    """Return a key for one purpose (HKDF, RFC 5869 §2)."""
    return HKDF(SHA256(), KEY_BYTES, None, purpose).derive(secret.encode())


def as_bytes(text: str) -> bytes:
    """Return any text as bytes, strangers' halves of characters among them."""
    return text.encode("utf-8", "surrogatepass")
