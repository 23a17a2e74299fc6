"""The bodies of requests.

One of a declared length is handed on by the thread of Granian's that has it complete: no task and no turn of
an event loop is spent on a body that comes at once, as nearly all do. One timer looks after those that do not
come. Bodies in chunks are read on the event loop: however slowly one comes, it holds no thread.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from contextvars import Context
from typing import Any, Protocol

from issuer.serving.wsgi import RsgiHeaders, RsgiProtocol

ROUNDS = 20
"""Looks at what has not come, within the time that a body has."""


class PromisedBody(Protocol):
    """A body as Granian promises it; a future in asyncio's sense."""

    def add_done_callback(self, callback: "BodyArrival") -> None:
        """Call back when it is there, through the loop that Granian was given."""
        ...

    def result(self) -> bytes:
        """Return it; raise `RuntimeError` when the connection ended before."""
        ...

    def cancel(self) -> bool:
        """Wait no longer."""
        ...


class BodyArrival:
    """What is to be done when a body is there."""

    __slots__ = ("_arrivals", "_arrived", "_exchange", "_failed")

    def __init__(
        self,
        arrivals: "BodyArrivals",
        exchange: RsgiProtocol,
        arrived: Callable[[bytes], None],
        failed: Callable[[int], None],
    ) -> None:
        """Tell `arrived` the body, or `failed` the status that refuses it."""
        self._arrivals = arrivals
        self._exchange = exchange
        self._arrived = arrived
        self._failed = failed

    def __call__(self, coming: PromisedBody) -> None:
        """Hand the body on."""
        if not self._arrivals.claim(self._exchange):
            return
        try:
            body = coming.result()
        except RuntimeError:  # Granian's, when the connection ends before the body does
            self._failed(400)
        else:
            self._arrived(body)

    def give_up(self, coming: PromisedBody) -> None:
        """Refuse the body, which took too long (RFC 9110 §15.5.9)."""
        if self._arrivals.claim(self._exchange):
            coming.cancel()
            self._failed(408)


class BodyArrivals:
    """The bodies on their way to a worker. Whoever claims one first, answers."""

    def __init__(self, loop: asyncio.AbstractEventLoop, seconds: float) -> None:
        """Give each body `seconds`, or a little more; the timer runs on `loop`."""
        self._loop = loop
        self._pause = seconds / ROUNDS
        self._round = 0
        self._coming: dict[RsgiProtocol, tuple[BodyArrival, PromisedBody, int]] = {}
        self._watched = False
        self._timer: asyncio.TimerHandle | None = None

    def expect(
        self, exchange: RsgiProtocol, arrived: Callable[[bytes], None], failed: Callable[[int], None]
    ) -> None:
        """Ask for a body, on a thread of Granian's; one of both functions is called, once, on any thread."""
        arrival = BodyArrival(self, exchange, arrived, failed)
        coming: Any = exchange()
        self._coming[exchange] = arrival, coming, self._round
        coming.add_done_callback(arrival)
        if not self._watched:
            self._watched = True
            self._loop.call_soon_threadsafe(self._watch)

    def claim(self, exchange: RsgiProtocol) -> bool:
        """Tell the first who asks that the request is theirs to go on with."""
        return self._coming.pop(exchange, None) is not None

    def _watch(self) -> None:
        if self._timer is None:
            self._timer = self._loop.call_later(self._pause, self._look)

    def _look(self) -> None:
        self._timer, self._watched = None, False
        self._round += 1
        for arrival, coming, began in list(self._coming.values()):
            if self._round - began > ROUNDS:
                arrival.give_up(coming)
        if self._coming:
            self._watched = True
            self._watch()


class ArrivalLoop(asyncio.SelectorEventLoop):
    """The event loop that Granian calls back when a body is there; that is done on the spot."""

    def call_soon_threadsafe(  # type: ignore[override]  # Granian asks for no handle
        self, callback: Callable[..., Any], *arguments: Any, context: Context | None = None
    ) -> asyncio.Handle | None:
        """Run an arrival here and now, everything else on the loop."""
        if isinstance(callback, BodyArrival):
            callback(*arguments)
            return None
        return super().call_soon_threadsafe(callback, *arguments, context=context)


class BodyError(Exception):
    """The body is refused; `status` says how."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


def has_body(headers: RsgiHeaders) -> bool:
    """Say whether a body follows (RFC 9112 §6.3)."""
    return "content-length" in headers or "transfer-encoding" in headers


def comes_whole(headers: RsgiHeaders, limit: int) -> bool:
    """Say whether a body has a declared length, of at most `limit` bytes."""
    return "transfer-encoding" not in headers and int(headers.get("content-length")) <= limit


async def read_body(exchange: RsgiProtocol, headers: RsgiHeaders, limit: int, seconds: float) -> bytes:
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


async def drain(exchange: RsgiProtocol, most: int, seconds: float) -> None:
    """Throw away what still comes, within bounds, so that the client gets to read the answer it already has.

    Closing a connection with unread data resets it (RFC 9112 §9.6).
    """
    with suppress(TimeoutError, RuntimeError):
        async with asyncio.timeout(seconds):
            async for chunk in exchange:
                most -= len(chunk)
                if most < 0:
                    return


async def _chunks(exchange: RsgiProtocol, limit: int) -> bytes:
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
