"""People's names on the SFU."""

import hashlib
import json
import uuid
from functools import lru_cache

from pydantic import SecretStr

from issuer.identity import Identity
from issuer.world import Randomness

DEVICE_BYTES = 6
MOST_KNOWN = 10_000


class Identities:
    """Computes `user-<uuid>`: the same for the same person everywhere, for nobody else to compute."""

    def __init__(self, secret: SecretStr, per_device: bool, randomness: Randomness) -> None:
        digest = hashlib.sha256(secret.get_secret_value().encode()).digest()
        self._namespace = uuid.UUID(bytes=digest[:16])
        self._per_device = per_device
        self._randomness = randomness

        self._known = lru_cache(maxsize=MOST_KNOWN)(self._compute)

    def of(self, identity: Identity) -> str:
        """Return the name of a person, by who vouches for them and what they are called there.

        It is a UUID of version 5 (RFC 9562 §5.5). Both are written as JSON: no two pairs are one text.
        """
        name = self._known(identity.backend, identity.subject)
        return f"{name}-{self._randomness.bytes(DEVICE_BYTES).hex()}" if self._per_device else name

    def _compute(self, backend: str, subject: str) -> str:
        return f"user-{uuid.uuid5(self._namespace, json.dumps([backend, subject]))}"
