"""TLS on one side of a relay.

asyncio's own keeps 256 KiB for each connection, unfinished handshakes too; OpenSSL needs a tenth of that.
"""

import asyncio
import ssl
from collections.abc import Callable
from contextlib import suppress

from issuer.serving.connections.relay import Side

RECORD = 16384
"""Bytes of what one record holds at most (RFC 8446 §5.1)."""


class TlsSide(Side):
    """The connection of a client who speaks TLS."""

    def __init__(self, context: ssl.SSLContext, stirred: Callable[[], None]) -> None:
        """Wait for the client's hello; tell `stirred` whenever something comes that is for the worker."""
        super().__init__(stirred)
        self._received, self._to_send = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._received, self._to_send, server_side=True)
        self.shook_hands: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def data_received(self, data: bytes) -> None:
        """Go on with the handshake, or pass on what was encrypted."""
        self._received.write(data)
        try:
            is_open = self._read()
        except ssl.SSLError:
            is_open = False
        self._flush()
        if not is_open:
            self.close()

    def _read(self) -> bool:
        """Take what has arrived; return whether more may come."""
        with suppress(ssl.SSLWantReadError):
            if not self.shook_hands.done():
                self._tls.do_handshake()
                self.shook_hands.set_result(None)
            while plain := self._tls.read(RECORD):
                super().data_received(plain)
            return False
        return True

    def write(self, data: bytes) -> None:
        """Encrypt and send."""
        self._tls.write(data)
        self._flush()

    def finish(self) -> None:
        """Say goodbye when everything is sent (RFC 8446 §6.1), and send no more."""
        with suppress(ssl.SSLError):  # it wants to read the other's goodbye, or there was no handshake
            self._tls.unwrap()
        self._flush()
        self.send_no_more()

    def _flush(self) -> None:
        if self._to_send.pending:
            super().write(self._to_send.read())
