"""Seals secrets for the store: the database alone tells none, and nobody can try recovery codes on it."""

import hmac

from pydantic import SecretStr

from issuer.crypto.sealing import Sealer, as_bytes, derived
from issuer.world import Randomness


class SealError(Exception):
    """Something was sealed with another key, or for somebody else."""


class Vault:
    """Seals under keys that are derived from the operator's."""

    def __init__(self, key: SecretStr, randomness: Randomness) -> None:
        secret = key.get_secret_value()
        self._sealer = Sealer(secret, b"issuer second factor: secrets", randomness)
        self._hash_key = derived(secret, b"issuer second factor: recovery codes")

    def seal(self, text: str, owner: str) -> bytes:
        """Return a text as only this vault reads it, and only for its owner."""
        return self._sealer.seal(text, owner)

    def open(self, sealed: bytes, owner: str) -> str:
        """Return a text that was sealed; raise `SealError` when it was not, or by another key."""
        opened = self._sealer.open(sealed, owner)
        if opened is None:
            raise SealError("sealed with another key")
        return opened

    def digest(self, code: str, owner: str) -> bytes:
        """Return the keyed hash of a recovery code."""
        return hmac.digest(self._hash_key, as_bytes(f"{owner}\0{code}"), "sha256")
