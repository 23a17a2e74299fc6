"""Group commit: rows that are handed in at the same time share one transaction.

Whoever has the turn commits every row that waits, so one caller alone pays for one commit, and a hundred
callers pay for two: the one that ran when they came, and their own. Whoever hands a row in either sees to its
commit (`submit`), or leaves word what to do then (`later`) and calls `settle` some time. A row may be left
out of a commit, and its caller hears why. When a batch fails because of what is in it, its rows are written
one by one, and each caller hears of its own row alone. When the database itself fails (`StoreError`), the
whole batch hears that.
"""

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any

from issuer.runtime import about_to_block
from issuer.store.errors import StoreError
from issuer.store.fast.connections import Statement

Rows = Sequence[tuple[Statement, dict[str, Any]]]
"""Inserts with their parameters."""


@dataclass(frozen=True, slots=True)
class Redemption:
    """Spends what counts once, and adds rows.

    Args:
        key: what is spent; redemptions that are committed together are made in the order of their keys, so
            that two processes never wait for each other.
        spend: an update that finds exactly one row, unless somebody else has spent it.
        values: its parameters.
        rows: inserts with their parameters.
    """

    key: bytes
    spend: Statement
    values: dict[str, Any]
    rows: Rows = ()

    def make(self, cursor: Any) -> bool:
        """Run the statements in a transaction of a driver; False: it was spent already."""
        cursor.execute(self.spend.sql, self.spend.parameters(self.values))
        if cursor.rowcount != 1:
            return False
        for statement, values in self.rows:
            cursor.execute(statement.sql, statement.parameters(values))
        return True


_log = logging.getLogger(__name__)

Done = Callable[[Exception | None], None]
"""Hears what kept a row from being committed; None when it is."""


class GroupCommit:
    """Writes rows of many threads with one function that commits a list of rows."""

    def __init__(
        self,
        write: Callable[[Sequence[Any]], Mapping[int, Exception]],
        committed: Callable[[Sequence[Any]], None] = lambda _: None,
    ) -> None:
        """Use `write`, which commits all rows that it is given, or none and raises.

        It returns what kept rows out of the commit, by their places; mostly nothing. `committed` hears of the
        others before those who wait for them.
        """
        self._write = write
        self._committed = committed
        self._queue: SimpleQueue[tuple[Any, Done]] = SimpleQueue()
        self._turn = threading.Lock()

    def submit(self, row: Any) -> None:
        """Return when the row is committed; raise what kept it from that."""
        outcome: SimpleQueue[Exception | None] = SimpleQueue()
        self.later(row, outcome.put)
        self.settle()
        error = outcome.get()
        if error is not None:
            raise error

    def later(self, row: Any, done: Done) -> None:
        """Return at once; `done` is called, once, when somebody settles."""
        self._queue.put((row, done))

    def settle(self) -> None:
        """Commit what waits; whoever comes meanwhile waits for that, and commits the rest."""
        if not self._turn.acquire(blocking=False):
            about_to_block()
            self._turn.acquire()
        try:
            if batch := [self._queue.get() for _ in range(self._queue.qsize())]:
                self._commit(batch)
        finally:
            self._turn.release()

    def _commit(self, batch: Sequence[tuple[Any, Done]]) -> None:
        try:
            left_out = self._write([row for row, _ in batch])
        except StoreError as error:
            for _, done in batch:
                _tell(done, type(error)(str(error)))
        except BaseException as error:  # others wait for this thread
            if len(batch) == 1:
                _tell(batch[0][1], error if isinstance(error, Exception) else StoreError("interrupted"))
                return
            for entry in batch:
                self._commit([entry])
        else:
            self._tell_of([row for place, (row, _) in enumerate(batch) if place not in left_out])
            for place, (_, done) in enumerate(batch):
                _tell(done, left_out.get(place))

    def _tell_of(self, rows: Sequence[Any]) -> None:
        try:
            self._committed(rows)
        except BaseException:  # others wait for this thread
            _log.exception("rows were written, and whoever is told of each failed")


def _tell(done: Done, error: Exception | None) -> None:
    try:
        done(error)
    except BaseException:  # others wait for this thread
        _log.exception("a row was written, and whoever waited for it failed")
