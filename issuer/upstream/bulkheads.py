"""Bulkheads: how many request threads may wait for which servers; one that hangs cannot hold them all.

All destinations that strangers can name hold together at most half of the request threads of a worker, and
one of them at most a quarter; beyond it a call is refused at once. A destination of the configuration holds
at most three quarters. There, a call beyond it waits a moment for its turn: a healthy server finishes others.
Calls that hold no thread, because their request is answered later, count as well; they may wait longer.
"""

import asyncio
import threading
from collections import Counter, defaultdict, deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Protocol, TypeVar

from issuer.runtime import about_to_block
from issuer.upstream.errors import TooManyCallsError
from issuer.upstream.party import Party

MOMENT = 0.5
"""Seconds for which a call to a destination of the configuration waits for its turn."""

Key = tuple[str, bool]
"""A destination, and whether a stranger named it."""


class DestinationSlot(Protocol):
    """What a call waits for; `threading.Event` for those of threads."""

    def set(self) -> None:
        """Give the turn; from any thread."""
        ...

    def is_set(self) -> bool:
        """Tell whether it was given."""
        ...


T = TypeVar("T", bound=DestinationSlot)


class LoopSlot:
    """The turn of a coroutine."""

    def __init__(self) -> None:
        """Wait on the running loop."""
        self._loop = asyncio.get_running_loop()
        self._event = asyncio.Event()
        self._given = False

    def set(self) -> None:
        """Give the turn; from any thread."""
        self._given = True
        if asyncio._get_running_loop() is self._loop:
            self._event.set()
        else:
            self._loop.call_soon_threadsafe(self._event.set)

    def is_set(self) -> bool:
        """Tell whether it was given."""
        return self._given

    async def wait(self, seconds: float) -> None:
        """Wait for it; raise `TimeoutError` when it does not come."""
        async with asyncio.timeout(seconds):
            await self._event.wait()


class Bulkheads:
    """Counts the request threads that wait for other servers."""

    def __init__(self, threads: int, per_destination: int) -> None:
        """Share out `threads` request threads; `per_destination` 0 means three quarters of them."""
        most = per_destination or max(1, threads * 3 // 4)
        self._most = {True: min(most, max(1, threads // 4)), False: most}
        self._for_strangers = max(1, threads // 2)
        self._strangers = 0
        self._calls: Counter[Key] = Counter()
        self._queues: defaultdict[Key, deque[DestinationSlot]] = defaultdict(deque)
        self._lock = threading.Lock()

    @contextmanager
    def held(self, destination: str, named_by: Party) -> Iterator[None]:
        """Count the thread in hand as waiting for a destination.

        Raises:
            TooManyCallsError: when no further one may.
        """
        key = destination, named_by is Party.STRANGER
        turn = self._enter(key, threading.Event)
        if turn:
            about_to_block()
            if not turn.wait(MOMENT):
                self._give_up(key, turn)
        try:
            yield
        finally:
            self._leave(key)

    @asynccontextmanager
    async def in_flight(self, destination: str, named_by: Party, patience: float) -> AsyncIterator[None]:
        """Count the coroutine in hand in the same way; it waits at most `patience` seconds for its turn.

        Raises:
            TooManyCallsError: when no further one may.
        """
        key = destination, named_by is Party.STRANGER
        if turn := self._enter(key, LoopSlot):
            try:
                await turn.wait(patience)
            except TimeoutError:
                self._give_up(key, turn)
            except asyncio.CancelledError:
                self._abandon(key, turn)
                raise
        try:
            yield
        finally:
            self._leave(key)

    def _enter(self, key: Key, make_turn: Callable[[], T]) -> T | None:
        """Count a call, or return what to wait for."""
        destination, by_stranger = key
        with self._lock:
            if by_stranger and self._strangers >= self._for_strangers:
                raise TooManyCallsError("servers that strangers named hold their half of the request threads")
            if self._calls[key] < self._most[by_stranger]:
                self._calls[key] += 1
                self._strangers += by_stranger
                return None
            if by_stranger:
                raise TooManyCallsError(f"{self._calls[key]} calls to {destination} are in flight")
            turn = make_turn()
            self._queues[key].append(turn)
            return turn

    def _give_up(self, key: Key, turn: DestinationSlot) -> None:
        """Wait no longer; raise `TooManyCallsError` unless the turn came meanwhile."""
        with self._lock:
            if not turn.is_set():
                self._queues[key].remove(turn)
                raise TooManyCallsError(f"{self._calls[key]} calls to {key[0]} are in flight")

    def _abandon(self, key: Key, turn: DestinationSlot) -> None:
        """Wait no longer, and pass the turn on if it came meanwhile."""
        with suppress(TooManyCallsError):
            self._give_up(key, turn)
            self._leave(key)

    def _leave(self, key: Key) -> None:
        with self._lock:
            if queue := self._queues.get(key):
                queue.popleft().set()  # whose call takes the place of this one
                return
            self._queues.pop(key, None)
            self._strangers -= key[1]
            self._calls[key] -= 1
            if not self._calls[key]:
                del self._calls[key]
