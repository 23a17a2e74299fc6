"""Group commit: rows that are handed in at the same time share one transaction.

One thread writes. It takes every row that waits and commits them together, so one caller alone pays for one
commit, and a hundred callers pay for two: the one that ran when they came, and their own. Whoever hands a row
in either waits for its commit (`submit`) or leaves word what to do then (`later`). A row may be left out of a
commit, and its caller hears why. When a batch fails because of what is in it, its rows are written one by
one, and each caller hears of its own row alone. When the database itself fails (`StoreError`), the whole
batch hears that.
"""

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from queue import Empty, SimpleQueue
from typing import Any

from issuer.store.errors import StoreError

_log = logging.getLogger(__name__)

Done = Callable[[Exception | None], None]
"""Hears what kept a row from being committed; None when it is."""
MOST = 500
"""Rows of one commit."""
CLOSING = 10.0
"""Seconds that closing waits for the rows that are handed in already."""


class GroupCommit:
    """Writes rows of many threads with one function that commits a list of rows."""

    def __init__(self, write: Callable[[Sequence[Any]], Mapping[int, Exception]]) -> None:
        """Use `write`, which commits all rows that it is given, or none and raises.

        It returns what kept rows out of the commit, by their places; mostly nothing.
        """
        self._write = write
        self._queue: SimpleQueue[tuple[Any, Done] | None] = SimpleQueue()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None

    def submit(self, row: Any) -> None:
        """Return when the row is committed; raise what kept it from that."""
        outcome: SimpleQueue[Exception | None] = SimpleQueue()
        self.later(row, outcome.put)
        error = outcome.get()
        if error is not None:
            raise error

    def later(self, row: Any, done: Done) -> None:
        """Return at once; `done` is called on the writing thread, once, and must not wait for anything."""
        self._queue.put((row, done))
        if self._thread is None:
            self._start()

    def close(self) -> None:
        """Commit what is handed in already, and end the thread. A later row starts another."""
        with self._starting:
            thread, self._thread = self._thread, None
        if thread:
            self._queue.put(None)
            thread.join(CLOSING)

    def _start(self) -> None:
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="group-commit", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while (first := self._queue.get()) is not None:
            batch, ends = self._with_those_that_wait(first)
            self._commit(batch)
            if ends:
                return

    def _with_those_that_wait(self, first: tuple[Any, Done]) -> tuple[list[tuple[Any, Done]], bool]:
        batch = [first]
        try:
            while len(batch) < MOST:
                entry = self._queue.get_nowait()
                if entry is None:
                    return batch, True
                batch.append(entry)
        except Empty:
            pass
        return batch, False

    def _commit(self, batch: Sequence[tuple[Any, Done]]) -> None:
        try:
            left_out = self._write([row for row, _ in batch])
        except StoreError as error:
            for _, done in batch:
                _tell(done, StoreError(str(error)))
        except BaseException as error:  # the thread must live: others wait for it
            if len(batch) == 1:
                _tell(batch[0][1], error if isinstance(error, Exception) else StoreError("interrupted"))
                return
            for entry in batch:
                self._commit([entry])
        else:
            for place, (_, done) in enumerate(batch):
                _tell(done, left_out.get(place))


def _tell(done: Done, error: Exception | None) -> None:
    try:
        done(error)
    except Exception:
        _log.exception("a row was written, and whoever waited for it failed")
