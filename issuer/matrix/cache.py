"""A bounded cache whose entries are made once, however many ask at the same time. Lives on the loop."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from issuer.world import Clock

V = TypeVar("V")

LARGEST = 1000


@dataclass(frozen=True, slots=True)
class CacheEntry(Generic[V]):
    """A value, and for how many seconds it is good."""

    value: V
    seconds: float


Make = Callable[[V | None], Awaitable[CacheEntry[V]]]
"""Makes an entry; gets the value that the last one had, if there was one."""


class Cache(Generic[V]):
    """Remembers values by name; the longest unused goes first when there are too many."""

    def __init__(self, clock: Clock, largest: int = LARGEST) -> None:
        self._clock = clock
        self._largest = largest
        self._entries: OrderedDict[str, tuple[V, float]] = OrderedDict()
        self._making: dict[str, asyncio.Task[V]] = {}

    def peek(self, name: str) -> V | None:
        """Return a value that is good, or None; from any thread."""
        found = self._entries.get(name)
        return found[0] if found and self._clock.monotonic() < found[1] else None

    def forget(self, name: str) -> None:
        """Let the next one who asks make the value anew."""
        self._entries.pop(name, None)

    async def get(self, name: str, make: Make[V]) -> V:
        """Return the value, made by `make` when there is none that is good.

        Who waits may be cancelled; the making goes on for the others, so it must end by itself.
        """
        found = self._entries.get(name)
        if found and self._clock.monotonic() < found[1]:
            self._entries.move_to_end(name)
            return found[0]
        task = self._making.get(name)
        if task is None:
            task = self._making[name] = asyncio.create_task(self._make(name, make, found and found[0]))
            task.add_done_callback(lambda done: self._made(name, done))
        return await asyncio.shield(task)

    def _made(self, name: str, task: asyncio.Task[V]) -> None:
        del self._making[name]
        if not task.cancelled():
            task.exception()  # nobody may be left to hear of it

    async def _make(self, name: str, make: Make[V], last: V | None) -> V:
        entry = await make(last)
        self._entries[name] = entry.value, self._clock.monotonic() + entry.seconds
        self._entries.move_to_end(name)
        while len(self._entries) > self._largest:
            self._entries.popitem(last=False)
        return entry.value
