"""Reads a body that does not come whole on the event loop: however slowly it comes, it holds no thread."""

import asyncio
from contextlib import suppress

from issuer.serving.answers import Exchange
from issuer.serving.environ import Headers


class BodyError(Exception):
    """The body is refused; `status` says how."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


def has_body(headers: Headers) -> bool:
    """Say whether a body follows (RFC 9112 §6.3)."""
    return "content-length" in headers or "transfer-encoding" in headers


def comes_whole(headers: Headers, limit: int) -> bool:
    """Say whether a body has a declared length, of at most `limit` bytes."""
    return "transfer-encoding" not in headers and int(headers.get("content-length")) <= limit


async def read_body(exchange: Exchange, headers: Headers, limit: int, seconds: float) -> bytes:
    """Return the whole body of one that does not come whole.

    Raises:
        BodyError: 413 over `limit` bytes (RFC 9110 §15.5.14), 408 after `seconds` (§15.5.9), 400 when the
            client went away in the middle.
    """
    if "transfer-encoding" not in headers:
        raise BodyError(413)
    try:
        async with asyncio.timeout(seconds):
            return await _chunks(exchange, limit)
    except TimeoutError:
        raise BodyError(408) from None
    except RuntimeError:  # Granian's, when the connection ends before the body does
        raise BodyError(400) from None


async def drain(exchange: Exchange, most: int, seconds: float) -> None:
    """Throw away what still comes, within bounds, so that the client gets to read the answer it already has.

    Closing a connection with unread data resets it (RFC 9112 §9.6).
    """
    with suppress(TimeoutError, RuntimeError):
        async with asyncio.timeout(seconds):
            async for chunk in exchange:
                most -= len(chunk)
                if most < 0:
                    return


async def _chunks(exchange: Exchange, limit: int) -> bytes:
    body = bytearray()
    ended = False
    async for chunk in exchange:
        if ended:  # Granian's last chunk is empty; an empty one before it is a broken connection, or trailers
            raise BodyError(400)
        ended = not chunk
        body += chunk
        if len(body) > limit:
            raise BodyError(413)
    return bytes(body)
