"""People's names on the SFU."""

import hashlib
import json
import uuid

from pydantic import SecretStr

from issuer.identity import Identity
from issuer.world import Randomness

DEVICE_BYTES = 6


class Identities:
    """Computes `user-<uuid>`: the same for the same person everywhere, for nobody else to compute."""

    def __init__(self, secret: SecretStr, per_device: bool, randomness: Randomness) -> None:
        """Make the namespace of the secret."""
        digest = hashlib.sha256(secret.get_secret_value().encode()).digest()
        self._namespace = uuid.UUID(bytes=digest[:16])
        self._per_device = per_device
        self._randomness = randomness

    def of(self, identity: Identity) -> str:
        """Return the name of a person, by who vouches for them and what they are called there.

        It is a UUID of version 5 (RFC 9562 §5.5). Both are written as JSON: no two pairs are one text.
        """
        key = json.dumps([identity.backend, identity.subject])
        name = f"user-{uuid.uuid5(self._namespace, key)}"
        return f"{name}-{self._randomness.bytes(DEVICE_BYTES).hex()}" if self._per_device else name
