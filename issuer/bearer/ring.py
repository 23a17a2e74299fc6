"""The keys of our own ring, for tokens of our own modules."""

from functools import lru_cache

from cryptography.hazmat.primitives.serialization import load_pem_public_key

from issuer.bearer.jwks import PublicKey, fits
from issuer.keys import KeyRing


class RingKeys:
    """The published keys of one use; no call goes out."""

    def __init__(self, keys: KeyRing, use: str) -> None:
        self._ring = keys
        self._use = use

    def key(self, kid: str | None, algorithm: str) -> PublicKey | None:
        """Return the published key that a token's header means; our own tokens always name one."""
        found = self._ring.by_kid(kid) if kid else None
        if found is None or found.use != self._use:
            return None
        key = _loaded(found.pem)
        return key if fits(key, algorithm) else None


@lru_cache(maxsize=64)
def _loaded(pem: bytes) -> PublicKey:
    key = load_pem_public_key(pem)
    if not isinstance(key, PublicKey):
        raise TypeError("the ring publishes no such keys")
    return key
