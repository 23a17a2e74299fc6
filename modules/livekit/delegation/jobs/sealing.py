"""Delay ids as the store holds them: whoever has one can send somebody's leave event, so they are encrypted.

The key comes from the API secret, which all machines share and no table holds. With another secret the old
jobs cannot be read: they are dropped, and the homeserver sends their events.
"""

from issuer.crypto import sealing
from issuer.world import Randomness

PURPOSE = b"issuer: delay ids of delegated leave events"


class DelayIdSealer(sealing.Sealer):
    """Encrypts delay ids."""

    def __init__(self, secret: str, randomness: Randomness) -> None:
        super().__init__(secret, PURPOSE, randomness)
