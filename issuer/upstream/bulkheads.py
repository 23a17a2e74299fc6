"""Bulkheads: how many request threads may wait for which servers; one that hangs cannot hold them all.

All destinations that strangers can name hold together at most half of the request threads of a worker, and
one of them at most a quarter; beyond it a call is refused at once. A destination of the configuration holds
at most three quarters; there, a call beyond it waits for a moment, as a healthy server finishes others.
"""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from issuer.upstream.errors import TooManyCallsError
from issuer.upstream.party import Party

MOMENT = 0.1
"""Seconds for which a call to a destination of the configuration waits for its turn."""


class Bulkheads:
    """Counts the request threads that wait for other servers."""

    def __init__(self, threads: int, per_destination: int) -> None:
        """Share out `threads` request threads; `per_destination` 0 means three quarters of them."""
        self._for_strangers = max(1, threads // 2)
        most = per_destination or max(1, threads * 3 // 4)
        self._most = {True: min(most, max(1, threads // 4)), False: most}
        self._strangers = 0
        self._calls: Counter[tuple[str, bool]] = Counter()
        self._changed = threading.Condition()

    @contextmanager
    def held(self, destination: str, named_by: Party) -> Iterator[None]:
        """Count the thread in hand as waiting for a destination.

        Raises:
            TooManyCallsError: when no further one may.
        """
        by_stranger = named_by is Party.STRANGER
        key = destination, by_stranger
        with self._changed:
            self._enter(key)
        try:
            yield
        finally:
            with self._changed:
                self._leave(key)

    def _enter(self, key: tuple[str, bool]) -> None:
        destination, by_stranger = key
        if by_stranger and self._strangers >= self._for_strangers:
            raise TooManyCallsError("servers that strangers named hold their half of the request threads")
        if not self._changed.wait_for(lambda: self._has_room(key), 0 if by_stranger else MOMENT):
            raise TooManyCallsError(f"{self._calls[key]} calls to {destination} are in flight")
        self._calls[key] += 1
        self._strangers += by_stranger

    def _has_room(self, key: tuple[str, bool]) -> bool:
        return self._calls[key] < self._most[key[1]]

    def _leave(self, key: tuple[str, bool]) -> None:
        self._strangers -= key[1]
        self._calls[key] -= 1
        if not self._calls[key]:
            del self._calls[key]
        self._changed.notify_all()
