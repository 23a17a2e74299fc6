"""The bodies of requests.

One of a declared length is handed on by the thread of Granian's that has its last part: no task and no turn
of an event loop is spent on a body that comes at once, as nearly all do. One timer looks after those that do
not come. Bodies in chunks are read on the event loop: however slowly one comes, it holds no thread.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from contextvars import Context
from typing import Any, Protocol

from issuer.serving.wsgi import AsgiProtocol, RawFields

ROUNDS = 20
"""Looks at what has not come, within the time that a body has."""


class PromisedMessage(Protocol):
    """A part of a body as Granian promises it; a future in asyncio's sense."""

    def add_done_callback(self, callback: "BodyArrival") -> None:
        """Call back when it is there, through the loop that Granian was given."""
        ...

    def result(self) -> dict[str, Any]:
        """Return it: `http.request`, or `http.disconnect` when the connection ended before."""
        ...

    def cancel(self) -> bool:
        """Wait no longer."""
        ...


class BodyArrival:
    """What is to be done when a body is there."""

    __slots__ = ("_arrivals", "_arrived", "_body", "_coming", "_exchange", "_failed", "_length")

    def __init__(
        self,
        arrivals: "BodyArrivals",
        exchange: AsgiProtocol,
        length: int,
        arrived: Callable[[bytes], None],
        failed: Callable[[int], None],
    ) -> None:
        """Tell `arrived` the body, or `failed` the status that refuses it."""
        self._arrivals = arrivals
        self._exchange = exchange
        self._length = length
        self._arrived = arrived
        self._failed = failed
        self._body = b""
        self._coming: PromisedMessage | None = None

    def ask(self) -> None:
        """Ask for the next part."""
        coming: PromisedMessage = self._exchange.receive()
        self._coming = coming
        coming.add_done_callback(self)

    def __call__(self, coming: PromisedMessage) -> None:
        """Hand the body on, when it is whole."""
        if not self._arrivals.awaits(self._exchange):
            return
        message = coming.result()
        self._body += message.get("body", b"")
        if message.get("more_body") and len(self._body) < self._length:
            self.ask()
        elif not self._arrivals.claim(self._exchange):
            return
        elif len(self._body) == self._length:
            self._arrived(self._body)
        else:
            self._failed(400)

    def give_up(self) -> None:
        """Refuse the body, which took too long (RFC 9110 §15.5.9)."""
        if self._arrivals.claim(self._exchange):
            if self._coming:
                self._coming.cancel()
            self._failed(408)


class BodyArrivals:
    """The bodies on their way to a worker. Whoever claims one first, answers."""

    def __init__(self, loop: asyncio.AbstractEventLoop, seconds: float) -> None:
        """Give each body `seconds`, or a little more; the timer runs on `loop`."""
        self._loop = loop
        self._pause = seconds / ROUNDS
        self._round = 0
        self._coming: dict[AsgiProtocol, tuple[BodyArrival, int]] = {}
        self._watched = False
        self._timer: asyncio.TimerHandle | None = None

    def expect(
        self,
        exchange: AsgiProtocol,
        length: int,
        arrived: Callable[[bytes], None],
        failed: Callable[[int], None],
    ) -> None:
        """Ask for a body, on a thread of Granian's; one of both functions is called, once, on any thread."""
        arrival = BodyArrival(self, exchange, length, arrived, failed)
        self._coming[exchange] = arrival, self._round
        arrival.ask()
        if not self._watched:
            self._watched = True
            self._loop.call_soon_threadsafe(self._watch)

    def awaits(self, exchange: AsgiProtocol) -> bool:
        """Tell whether nobody has claimed a request."""
        return exchange in self._coming

    def claim(self, exchange: AsgiProtocol) -> bool:
        """Tell the first who asks that the request is theirs to go on with."""
        return self._coming.pop(exchange, None) is not None

    def _watch(self) -> None:
        if self._timer is None:
            self._timer = self._loop.call_later(self._pause, self._look)

    def _look(self) -> None:
        self._timer, self._watched = None, False
        self._round += 1
        for arrival, began in list(self._coming.values()):
            if self._round - began > ROUNDS:
                arrival.give_up()
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


def authorization(headers: RawFields) -> str:
    """Return the field `Authorization`, "" when there is none, or more than one."""
    found = [value.decode("latin-1") for name, value in headers if name == b"authorization"]
    return found[0] if len(found) == 1 else ""


def declared_length(headers: RawFields) -> int | None:
    """Return how long a body is (RFC 9112 §6.3); 0 when none follows, None when it comes in chunks."""
    length = 0
    for name, value in headers:
        if name == b"transfer-encoding":
            return None
        if name == b"content-length":
            length = int(value)
    return length


async def read_body(exchange: AsgiProtocol, length: int | None, limit: int, seconds: float) -> bytes:
    """Return the whole body of one that does not come whole.

    Raises:
        BodyError: 413 over `limit` bytes (RFC 9110 §15.5.14), 408 after `seconds` (§15.5.9), 400 when the
            client went away in the middle.
    """
    if length is not None and length > limit:
        raise BodyError(413)
    try:
        async with asyncio.timeout(seconds):
            return await _chunks(exchange, limit)
    except TimeoutError:
        raise BodyError(408) from None


async def drain(exchange: AsgiProtocol, most: int, seconds: float) -> None:
    """Throw away what still comes, within bounds, so that the client gets to read the answer it already has.

    Closing a connection with unread data resets it (RFC 9112 §9.6).
    """
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            more = True
            while more and most >= 0:
                message = await exchange.receive()
                more = message.get("more_body", False)
                most -= len(message.get("body", b""))


async def _chunks(exchange: AsgiProtocol, limit: int) -> bytes:
    body, more = bytearray(), True
    while more:
        message = await exchange.receive()
        part, more = message.get("body", b""), message.get("more_body", False)
        if message["type"] != "http.request" or (more and not part):  # the connection ended, or trailers
            raise BodyError(400)
        body += part
        if len(body) > limit:
            raise BodyError(413)
    return bytes(body)
