"""Commits whose answer was lost: they are asked for before anything is done again.

A transaction leaves a row of its own, its mark, with the very words that commit it. Whoever hears no answer
writes the same mark on another connection, as one of a transaction that did not happen: either it is there,
then the transaction was committed; or it is not, then the transaction can never be committed any more, as
the mark is taken, even if its COMMIT is still on its way.

The number that PostgreSQL gives to a transaction (`pg_current_xact_id`) would cost less and is no proof: a
server that crashes gives the number of a transaction that it has lost to another one.

SQLite has no marks: there a commit is a call in this process, and its answer cannot be lost.
"""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from issuer.store.errors import StoreError, UnknownCommitError
from issuer.world import SystemClock, SystemRandomness

_log = logging.getLogger(__name__)

PATIENCE = 5.0
"""Seconds for which a database is asked that does not answer."""
PAUSE = 0.05
LOCK_SECONDS = 2
"""Seconds for which a transaction is waited for that is being committed."""
KEPT = 7 * 86400.0
"""Seconds for which marks are kept."""
INSERT = "INSERT INTO commits (id, happened) VALUES"
SELECT = "SELECT happened FROM commits WHERE id ="
TIME_BYTES, RANDOM_BYTES = 6, 10

_monotonic = SystemClock.monotonic


@dataclass(frozen=True, slots=True)
class Mark:
    """What a transaction leaves: a random id, which begins with the time."""

    id: str
    """In hexadecimal digits."""

    @property
    def commit(self) -> str:
        """Return the words that leave the mark and commit."""
        return f"{INSERT} ('\\x{self.id}', true); COMMIT"

    @property
    def question(self) -> str:
        """Return the words that ask for it, and see to it that it will not come if it is not there."""
        return (
            f"BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL lock_timeout = '{LOCK_SECONDS}s';"
            f" {INSERT} ('\\x{self.id}', false) ON CONFLICT DO NOTHING;"
            f" {SELECT} '\\x{self.id}'; COMMIT"
        )


def mark_of(now: float) -> Mark:
    """Return a new mark."""
    return Mark((moment(now) + SystemRandomness.bytes(RANDOM_BYTES)).hex())


def moment(now: float) -> bytes:
    """Return how the marks of a time begin."""
    return int(now * 1000).to_bytes(TIME_BYTES)


class LostCommitError(Exception):
    """A COMMIT was sent, and there was no answer."""

    def __init__(self, mark: Mark, why: str) -> None:
        """Keep the mark that the transaction has left if it was committed."""
        super().__init__(f"the answer to a COMMIT was lost: {why}")
        self.mark = mark


class Commits:
    """Asks for commits whose answer was lost."""

    def __init__(self, run: Callable[[Callable[[Any], bool]], bool]) -> None:
        """Use what runs a piece of work on a connection, and again on another one when it is dead."""
        self._run = run

    def happened(self, lost: LostCommitError) -> bool:
        """Tell whether a commit happened; if not, it never will.

        Raises:
            UnknownCommitError: the database gave no answer in time.
        """
        deadline = _monotonic() + PATIENCE
        while True:
            try:
                return self._run(lambda driver: _answer(driver, lost.mark))
            except StoreError as error:
                if _monotonic() >= deadline:
                    what = f"{lost}; whether it happened is unknown: {error}"
                    _log.error(what)  # an answer that waits for it leaves no other line
                    raise UnknownCommitError(what, lost) from error
            threading.Event().wait(PAUSE)


def _answer(driver: Any, mark: Mark) -> bool:
    cursor = driver.execute(mark.question, prepare=False)
    while cursor.description is None:
        cursor.nextset()
    return bool(cursor.fetchone()[0])
