"""What a client may store here that has nobody signed in yet: pushed requests, and devices that ask.

Anybody can ask in the name of a public client. So what is stored is counted in bytes: for the client, and, if
the client proved nothing, for the address too, which cannot use up what others need.
"""

import math

from authlib.oauth2.rfc6749.errors import OAuth2Error

from issuer.authentication.throttling import address_bucket
from issuer.store import Quota
from modules.oidc.clients.client import Client
from modules.oidc.provider import Provider

OF_CLIENT = Quota(3_000_000, 600.0)
"""Bytes, in as many seconds as they are kept: some 4,000 requests."""
OF_ADDRESS = Quota(1_000_000, 600.0)
ROW = 250
"""Bytes that a row has besides its texts, with its indexes."""


class StorageFullError(OAuth2Error):
    """Too much is stored for a client or from an address: 429 (RFC 9126 §2.3, RFC 6585 §4)."""

    error = "temporarily_unavailable"
    status_code = 429

    def __init__(self, retry_after: int) -> None:
        """Ask the client to wait `retry_after` seconds."""
        super().__init__("Too many requests. Try again later.")
        self.retry_after = retry_after

    def get_headers(self) -> list[tuple[str, str]]:
        """Return the headers of the answer."""
        return [*super().get_headers(), ("Retry-After", str(self.retry_after))]


def reserve(provider: Provider, client: Client, size: int) -> None:
    """Count what is about to be stored, in bytes of text.

    Raises:
        StorageFullError: it is too much; nothing is counted.
    """
    name = f"storage:{provider.instance}:{client.client_id}"
    quotas = {name: OF_CLIENT}
    if "none" in client.methods:
        quotas = {f"{name}:{address_bucket(provider.gateway.address() or '')}": OF_ADDRESS, **quotas}
    pause = provider.gateway.store.attempts.spend(quotas, size + ROW)
    if pause is not None:
        raise StorageFullError(math.ceil(pause.seconds))
