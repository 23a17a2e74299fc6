"""What the log calls the accounts that people try to sign in to.

People type passwords where the user name belongs, so the log has a keyed hash of it: whoever reads the log
alone can try no names on it, and the operator can compute it for a name (`issuer user account-hash`). The key
is derived from a secret that all machines share and no table holds, the first that there is:
`second_factor.key`, the oldest key of the ring, a secret of a module; without any, each process draws one.
"""

import hmac
from collections.abc import Iterator, Mapping

from issuer.crypto.sealing import derived
from issuer.keys import KeyRing
from issuer.world import Randomness

PURPOSE = b"issuer log: names of accounts"
HASH_CHARACTERS = 32


class LogNames:
    """Computes them."""

    def __init__(
        self, first: str | None, keys: KeyRing, others: Mapping[str, str], randomness: Randomness
    ) -> None:
        """Keep the secrets: `first` is that of the second factor, `others` are by their options."""
        self._first = derived(first, PURPOSE) if first else None
        self._keys = keys
        self._others = others
        self._own = randomness.bytes(32)

    def of(self, account: str) -> str:
        """Return what the log calls an account (`throttling.account_key`) now."""
        return next(self.every(account))[1]

    def every(self, account: str) -> Iterator[tuple[str, str]]:
        """Return by which secret, and what the log calls it or may have called it; that of today first."""
        for secret, key in self._secrets():
            yield secret, hmac.digest(key, account.encode(), "sha256").hex()[:HASH_CHARACTERS]

    def _secrets(self) -> Iterator[tuple[str, bytes]]:
        if self._first:
            yield "second_factor.key", self._first
        for kid, key in self._keys.derived(PURPOSE):
            yield f"key {kid}", key
        for option, secret in self._others.items():
            yield option, derived(secret, PURPOSE)
        yield "this process", self._own
