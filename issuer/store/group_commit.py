"""Group commit: threads that write at the same time share one transaction.

A thread lays its row in the queue and asks for the lock. Whoever gets the lock finds one of two things. Its
row is still waiting: then it leads, takes every row of the queue and commits them together. Or a leader has
taken the row along meanwhile: then there is nothing left to do. So one caller alone pays for one commit, and
a hundred callers pay for two: the one that ran when they came, and their own. `submit` returns after the
commit, never before. When a batch fails because of what is in it, its rows are written one by one, and each
caller hears of its own row alone. When the database itself fails (`StoreError`), the whole batch hears that.
"""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from issuer.store.errors import StoreError


class _Entry:
    __slots__ = ("done", "error", "row")

    def __init__(self, row: Any) -> None:
        self.row = row
        self.done = False
        self.error: Exception | None = StoreError("the write was interrupted")


class GroupCommit:
    """Writes rows of many threads with one function that commits a list of rows."""

    def __init__(self, write: Callable[[Sequence[Any]], None]) -> None:
        """Use `write`, which commits all rows that it is given, or none and raises."""
        self._write = write
        self._queue: deque[_Entry] = deque()
        self._lock = threading.Lock()

    def submit(self, row: Any) -> None:
        """Return when the row is committed; raise what kept it from that."""
        entry = _Entry(row)
        self._queue.append(entry)
        with self._lock:
            if not entry.done:
                self._lead()
        if entry.error is not None:
            raise entry.error

    def _lead(self) -> None:
        batch = [self._queue.popleft() for _ in range(len(self._queue))]
        try:
            self._commit(batch)
        finally:
            for entry in batch:
                entry.done = True

    def _commit(self, batch: list[_Entry]) -> None:
        try:
            self._write([entry.row for entry in batch])
        except StoreError as error:
            for entry in batch:
                entry.error = StoreError(str(error))
        except Exception as error:
            if len(batch) == 1:
                batch[0].error = error
                return
            for entry in batch:
                self._commit([entry])
        else:
            for entry in batch:
                entry.error = None
