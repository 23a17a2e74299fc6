"""Group commit: threads that write at the same time share one transaction.

A thread lays its row in the queue. When nobody leads, it leads: it takes every row of the queue and commits
them together. When somebody leads, it sleeps, until it hears one of two things: a leader took its row along,
or it is the next to lead, because the leader before it is done and found rows in the queue. So one caller
alone pays for one commit, and a hundred callers pay for two: the one that ran when they came, and their own.
`submit` returns after the commit, never before. When a batch fails because of what is in it, its rows are
written one by one, and each caller hears of its own row alone. When the database itself fails (`StoreError`),
the whole batch hears that.
"""

import threading
from collections.abc import Callable, Sequence
from typing import Any

from issuer.store.errors import StoreError


class _Entry:
    """A row, a lock that its thread sleeps on, and what became of it."""

    __slots__ = ("done", "error", "row", "sleep")

    def __init__(self, row: Any) -> None:
        self.row = row
        self.sleep = threading.Lock()
        self.sleep.acquire()
        self.done = False
        self.error: Exception | None = StoreError("the write was interrupted")


class GroupCommit:
    """Writes rows of many threads with one function that commits a list of rows."""

    def __init__(self, write: Callable[[Sequence[Any]], None]) -> None:
        """Use `write`, which commits all rows that it is given, or none and raises."""
        self._write = write
        self._lock = threading.Lock()
        self._queue: list[_Entry] = []
        self._led = False

    def submit(self, row: Any) -> None:
        """Return when the row is committed; raise what kept it from that."""
        entry = _Entry(row)
        with self._lock:
            self._queue.append(entry)
            leads, self._led = not self._led, True
        if not leads:
            entry.sleep.acquire()
        if not entry.done:
            self._lead()
        if entry.error is not None:
            raise entry.error

    def _lead(self) -> None:
        with self._lock:
            batch, self._queue = self._queue, []
        try:
            self._commit(batch)
        finally:
            for entry in batch:
                entry.done = True
                entry.sleep.release()
            self._hand_over()

    def _hand_over(self) -> None:
        with self._lock:
            self._led = bool(self._queue)
            if self._led:
                self._queue[0].sleep.release()

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
