"""Bodies of a declared length: each is handed on by the thread of Granian's that has it complete.

No task and no turn of an event loop is spent on a body that comes at once, as nearly all do. One timer looks
after those that do not come. Bodies in chunks are read in `issuer.serving.bodies`.
"""

import asyncio
from collections.abc import Callable
from contextvars import Context
from typing import Any, Protocol

from issuer.serving.answers import Exchange

ROUNDS = 20
"""Looks at what has not come, within the time that a body has."""


class Coming(Protocol):
    """A body as Granian promises it; a future in asyncio's sense."""

    def add_done_callback(self, callback: "Arrival") -> None:
        """Call back when it is there, through the loop that Granian was given."""
        ...

    def result(self) -> bytes:
        """Return it; raise `RuntimeError` when the connection ended before."""
        ...

    def cancel(self) -> bool:
        """Wait no longer."""
        ...


class Arrival:
    """What is to be done when a body is there."""

    __slots__ = ("_arrivals", "_arrived", "_exchange", "_failed")

    def __init__(
        self,
        arrivals: "Arrivals",
        exchange: Exchange,
        arrived: Callable[[bytes], None],
        failed: Callable[[int], None],
    ) -> None:
        """Tell `arrived` the body, or `failed` the status that refuses it."""
        self._arrivals = arrivals
        self._exchange = exchange
        self._arrived = arrived
        self._failed = failed

    def __call__(self, coming: Coming) -> None:
        """Hand the body on."""
        if not self._arrivals.claim(self._exchange):
            return
        try:
            body = coming.result()
        except RuntimeError:  # Granian's, when the connection ends before the body does
            self._failed(400)
        else:
            self._arrived(body)

    def give_up(self, coming: Coming) -> None:
        """Refuse the body, which took too long (RFC 9110 §15.5.9)."""
        if self._arrivals.claim(self._exchange):
            coming.cancel()
            self._failed(408)


class Arrivals:
    """The bodies on their way to a worker. Whoever claims one first, answers."""

    def __init__(self, loop: asyncio.AbstractEventLoop, seconds: float) -> None:
        """Give each body `seconds`, or a little more; the timer runs on `loop`."""
        self._loop = loop
        self._pause = seconds / ROUNDS
        self._round = 0
        self._coming: dict[Exchange, tuple[Arrival, Coming, int]] = {}
        self._watched = False
        self._timer: asyncio.TimerHandle | None = None

    def expect(
        self, exchange: Exchange, arrived: Callable[[bytes], None], failed: Callable[[int], None]
    ) -> None:
        """Ask for a body, on a thread of Granian's; one of both functions is called, once, on any thread."""
        arrival = Arrival(self, exchange, arrived, failed)
        coming: Any = exchange()
        self._coming[exchange] = arrival, coming, self._round
        coming.add_done_callback(arrival)
        if not self._watched:
            self._watched = True
            self._loop.call_soon_threadsafe(self._watch)

    def claim(self, exchange: Exchange) -> bool:
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
        if isinstance(callback, Arrival):
            callback(*arguments)
            return None
        return super().call_soon_threadsafe(callback, *arguments, context=context)
