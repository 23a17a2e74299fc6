"""The short way to the database for the calls that every login and every sign-in make.

A statement is compiled to SQL once, when it is first used, and runs on a driver's connection that is kept for
the next caller. What SQLAlchemy does around a statement (checkout, transaction, result, return) costs several
times what SQLite does.
"""

import fcntl
import os
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from functools import cached_property
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from sqlalchemy import ClauseElement, Compiled, Dialect, Engine
from sqlalchemy.pool import PoolProxiedConnection

from issuer.runtime import about_to_block
from issuer.store.engines import is_of_no_use, sqlstate_of
from issuer.store.errors import DuplicateError, StoreError, ValueRefusedError
from issuer.store.fast.commits import Commits, LostCommitError, mark_of
from issuer.store.fast.waiting import Breaker, LateLock
from issuer.world import Clock, SystemClock

if TYPE_CHECKING:
    from issuer.store.postgresql import Waits

T = TypeVar("T")

CONFLICTS = {"40001", "40P01"}
"""SQLSTATEs of a transaction that was rolled back for the sake of another: serialization, deadlock."""
ATTEMPTS = 3
BEGIN, BEGIN_WRITING = "BEGIN ISOLATION LEVEL READ COMMITTED", "BEGIN IMMEDIATE"
NOTABLE = 0.1
"""Seconds in the queue that are taken off the time for which SQLite waits."""
LONGEST_BUSY = 86400.0
LOCKED = "another program keeps the SQLite file locked: end its transaction"
STOPPED = "another process of the service has the turn to write, and hangs or was stopped"
HANGING = "a thread of this process has the turn to write, and hangs"

_monotonic = SystemClock.monotonic


class Statement:
    """A statement in the words of one driver, with its parameters by name."""

    def __init__(self, statement: ClauseElement, dialect: Dialect) -> None:
        self._statement = statement
        self._dialect = dialect

    @cached_property
    def _compiled(self) -> Compiled:
        return self._statement.compile(dialect=self._dialect)

    @cached_property
    def sql(self) -> str:
        """The text of the statement."""
        return str(self._compiled)

    @cached_property
    def order(self) -> tuple[str, ...] | None:
        """The names of the parameters by their places; None when the driver takes names."""
        places = getattr(self._compiled, "positiontup", None)
        return None if places is None else tuple(places)

    def parameters(self, values: dict[str, Any]) -> Any:
        """Return the parameters as the driver wants them."""
        return values if self.order is None else [values[name] for name in self.order]

    def run(self, cursor: Any, values: dict[str, Any]) -> None:
        """Run the statement on a driver's cursor."""
        cursor.execute(self.sql, self.parameters(values))


class RawConnections:
    """Connections that wait for the next caller, the last used first."""

    def __init__(self, engine: Engine, clock: Clock, turn: "WriteLock | Waits") -> None:
        """Use an engine, and the turn in which a transaction that writes begins."""
        self._engine = engine
        self._driver = engine.dialect.loaded_dbapi
        self._idle: deque[PoolProxiedConnection] = deque()
        self._turn = turn
        self._clock = clock
        self._is_local = engine.dialect.name == "sqlite"
        self._commits = Commits(self.run)

    def first(self, statement: Statement, values: dict[str, Any]) -> Any:
        """Return the first row that a statement finds; None when there is none."""
        return self.run(lambda driver: _found(driver, statement, values).fetchone())

    def all(self, statement: Statement, values: dict[str, Any]) -> Any:
        """Return every row that a statement finds."""
        return self.run(lambda driver: _found(driver, statement, values).fetchall())

    def run(self, work: Callable[[Any], T]) -> T:
        """Return what the work returns, to which a driver's connection is given.

        It runs a second time when the first connection turns out to be dead: so it only reads, or may be done
        twice.
        """
        about_to_ask(self._engine)
        try:
            try:
                return self._once(work)
            except _GoneError:
                self.close()
                return self._once(work)
        except (self._driver.Error, UnicodeError, _GoneError) as error:
            raise self._ours(error) from error

    def transact(self, work: Callable[[Any], T]) -> T:
        """Return what the work returns, to which a driver's cursor in a transaction is given.

        It runs again when the transaction is known to have been rolled back: because its connection was dead,
        could not write, or for the sake of another transaction.

        Raises:
            issuer.store.UnknownCommitError: the answer to the COMMIT was lost, and nobody can be asked.
        """
        about_to_ask(self._engine)
        for attempts_left in reversed(range(ATTEMPTS)):
            try:
                return self._attempt(work)
            except (self._driver.Error, UnicodeError, _GoneError) as error:
                is_gone = isinstance(error, _GoneError)
                if not attempts_left or not (is_gone or sqlstate_of(error) in CONFLICTS):
                    raise self._ours(error) from error
                if is_gone:
                    self.close()
        raise AssertionError

    def _attempt(self, work: Callable[[Any], T]) -> T:
        made: list[T] = []

        def whole(driver: Any) -> None:
            cursor = driver.cursor()
            self._turn.begin(cursor)
            made.append(work(cursor))
            self.commit(driver)

        try:
            self._once(whole)
        except LostCommitError as lost:
            self.close()
            if not self.happened(lost):
                raise _GoneError(str(lost)) from lost
        return made[0]

    def commit(self, driver: Any) -> None:
        """Commit the transaction of a driver's connection, which leaves a mark where the answer can be lost.

        Raises:
            LostCommitError: the answer was lost.
        """
        if self._is_local:
            driver.commit()
            return
        mark = mark_of(self._clock.now())
        try:
            driver.execute(mark.commit, prepare=False)
        except self._driver.Error as error:
            if driver.info.transaction_status.name in {"INTRANS", "INERROR"}:
                raise
            raise LostCommitError(mark, str(error)) from error

    def happened(self, lost: LostCommitError) -> bool:
        """Tell whether a commit happened whose answer was lost; if not, it never will.

        Raises:
            issuer.store.UnknownCommitError: the database cannot be asked.
        """
        with self._turn.afresh():
            return self._commits.happened(lost)

    def within(self, connection: PoolProxiedConnection, work: Callable[[Any], T]) -> T:
        """Return what the work returns, to which a cursor of a transaction is given that others end."""
        try:
            return work(connection.cursor())
        except (self._driver.Error, UnicodeError) as error:
            raise self._ours(error) from error

    def _ours(self, error: Exception) -> Exception:
        if isinstance(error, self._driver.IntegrityError):
            return DuplicateError(str(error))
        if isinstance(error, (self._driver.DataError, UnicodeError)):
            return ValueRefusedError(f"the database cannot hold a value: {type(error).__name__}")
        return StoreError(f"the database failed: {error}")

    def _once(self, work: Callable[[Any], T]) -> T:
        connection = self._take()
        try:
            result = work(connection.dbapi_connection)
        except BaseException as error:
            gone = self._is_gone(error, connection)
            self._give_up(connection)
            if gone:
                raise _GoneError(str(error)) from error
            raise
        self._idle.append(connection)
        return result

    def _give_up(self, connection: PoolProxiedConnection) -> None:
        """End the transaction first: SQLite keeps a closed connection, and its lock, while a cursor lives."""
        try:
            connection.rollback()
        except self._driver.Error:
            connection.invalidate()
        else:
            self._idle.append(connection)

    def _take(self) -> PoolProxiedConnection:
        try:
            return self._idle.pop()
        except IndexError:
            return self._engine.raw_connection()

    def _is_gone(self, error: BaseException, connection: PoolProxiedConnection) -> bool:
        if not isinstance(error, self._driver.Error):
            return False
        return is_of_no_use(error) or self._engine.dialect.is_disconnect(
            error, connection.dbapi_connection, None
        )

    def close(self) -> None:
        """Close the connections that nobody uses."""
        with suppress(IndexError):  # which others take meanwhile
            while True:
                self._idle.pop().invalidate()


def _found(driver: Any, statement: Statement, values: dict[str, Any]) -> Any:
    cursor = driver.cursor()
    statement.run(cursor, values)
    return cursor


class _GoneError(Exception):
    pass


class WriteLock:
    """A context in which nobody else that uses this class writes; not to be entered twice.

    Whoever enters has one deadline, from then to the moment when their transaction has begun (`begin`).
    """

    def __init__(self, directory: Path, longest_wait: float, breaker: Breaker) -> None:
        """Name the directory; it is opened at the first turn."""
        self._directory = directory
        self._longest_wait = longest_wait
        self._breaker = breaker
        self._lock = threading.Lock()
        self._turns = 0
        self._until = 0.0
        self._hindrance = HANGING
        self._descriptor: int | None = None
        self._late: LateLock | None = None

    def __enter__(self) -> None:
        """Wait for the turn.

        Raises:
            StoreError: it did not come in time, or nobody is to wait.
        """
        self._take(self._longest_wait)

    @contextmanager
    def without_end(self) -> Iterator[None]:
        """Wait for the turn however long it takes."""
        self._take(-1)
        try:
            yield
        finally:
            self.__exit__()

    def afresh(self) -> AbstractContextManager[None]:
        """Return a context in which nothing changes: a commit here is never lost."""
        return nullcontext()

    def _take(self, seconds: float) -> None:
        if self._breaker.why:
            self._breaker.check()
        turns, until = self._turns, _monotonic() + seconds if seconds >= 0 else inf
        if not self._lock.acquire(timeout=seconds):
            self._in_vain(trip=self._turns == turns)
        try:
            if self._breaker.why:
                self._breaker.check()
            self._take_from_others(until)
        except BaseException as error:
            self._lock.release()
            if isinstance(error, OSError):
                raise StoreError(f"the store's directory {self._directory}: {error.strerror}") from error
            raise
        self._turns += 1
        self._until = until

    def _take_from_others(self, until: float) -> None:
        if self._descriptor is None:
            self._descriptor = os.open(self._directory, os.O_RDONLY | os.O_DIRECTORY)
        if not (self._late and self._late.is_asked):
            try:
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                pass
            else:
                return
        self._hindrance = STOPPED
        self._late = self._late or LateLock(self._descriptor)
        if not self._late.take(None if until == inf else max(0.0, until - _monotonic())):
            self._in_vain(trip=True)

    def _in_vain(self, *, trip: bool) -> NoReturn:
        why = f"{self._hindrance} (waited for {self._longest_wait:g} s)"
        if trip:
            self._breaker.trip(why)
        raise StoreError(why)

    def begin(self, cursor: Any) -> None:
        """Begin a transaction that writes; other programs that hold the file have what is left of the time.

        Raises:
            StoreError: they hold it for longer.
        """
        left = self._until - _monotonic()
        self._hindrance = LOCKED
        try:
            if self._longest_wait - NOTABLE < left <= self._longest_wait:
                cursor.execute(BEGIN_WRITING)
            else:
                self._begin_within(cursor, left)
        except sqlite3.OperationalError as error:
            if getattr(error, "sqlite_errorcode", 0) & 0xFF != sqlite3.SQLITE_BUSY:
                raise
            self._in_vain(trip=True)
        self._hindrance = HANGING

    def _begin_within(self, cursor: Any, seconds: float) -> None:
        cursor.execute(f"PRAGMA busy_timeout={int(1000 * min(max(seconds, 0.0), LONGEST_BUSY))}")
        try:
            cursor.execute(BEGIN_WRITING)
        finally:
            cursor.execute(f"PRAGMA busy_timeout={int(1000 * self._longest_wait)}")

    def __exit__(self, *_: object) -> None:
        """Let the next one write."""
        if self._descriptor is not None:
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)
        self._lock.release()

    def close(self) -> None:
        """Give the directory back."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
        if self._late:
            self._late.close()
            self._late = None


def about_to_ask(engine: Engine) -> None:
    """Say that this thread will wait, if the database is another server."""
    if engine.dialect.name != "sqlite":
        about_to_block()
