"""Bytes from one connection to another, no faster than they are taken."""

import asyncio
from collections.abc import Callable
from typing import cast


class Side(asyncio.Protocol):
    """One of two connections: what comes here goes out there."""

    def __init__(self, stirred: Callable[[], None]) -> None:
        """Tell `stirred` whenever something comes."""
        self._stirred = stirred
        self._early: list[bytes] = []
        self._other: Side | None = None
        self._transport: asyncio.Transport | None = None
        self._ends = False
        self.is_behind = False
        """Whether more was to be sent here than is taken."""
        self.gone = asyncio.get_running_loop().create_future()

    def join(self, other: "Side") -> None:
        """Begin to pass on; what came before goes first."""
        self._other, other._other = other, self
        for data in self._early:
            other.write(data)
        self._early.clear()

    def write(self, data: bytes) -> None:
        """Send, unless the connection ends."""
        if self._transport and not self._ends and not self._transport.is_closing():
            self._transport.write(data)

    def send_no_more(self) -> None:
        """Let the peer know, when everything is sent, that nothing follows."""
        self._ends = True
        if self._transport:
            self._transport.write_eof()

    def close(self) -> None:
        """End the connection when everything is sent."""
        if self._transport:
            self._transport.close()

    def abort(self) -> None:
        """End the connection now."""
        if self._transport:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take note of the connection."""
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Pass on what came."""
        self._stirred()
        if self._other:
            self._other.write(data)
        else:
            self._early.append(data)

    def pause_writing(self) -> None:
        """Read no more there while nothing is taken here."""
        self.is_behind = True
        if self._other and self._other._transport:
            self._other._transport.pause_reading()

    def resume_writing(self) -> None:
        """Read there again."""
        self.is_behind = False
        if self._other and self._other._transport:
            self._other._transport.resume_reading()

    def connection_lost(self, _error: Exception | None) -> None:
        """Say so, and send no more."""
        self._transport = None
        if not self.gone.done():
            self.gone.set_result(None)
