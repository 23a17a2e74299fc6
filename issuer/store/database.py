"""Reads and transactions on the database, with its errors made ours.

Writes begin explicitly, on SQLite with `BEGIN IMMEDIATE`: then a transaction waits for its turn at the start
and is never refused in the middle.
"""

import hashlib
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import ClauseElement, Connection, Engine, event
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, SQLAlchemyError

from issuer.store.engines import check_sqlite_writable, engine_for, prepare_sqlite
from issuer.store.errors import DuplicateError, StoreError, ValueRefusedError
from issuer.store.fast.commits import LostCommitError
from issuer.store.fast.connections import BEGIN, RawConnections, Statement, WriteLock, about_to_ask
from issuer.store.fast.waiting import Breaker
from issuer.world import Clock, SystemClock

if TYPE_CHECKING:
    from issuer.store.postgresql import Waits

T = TypeVar("T")

MOST_NAMED = 1000
LONGEST_WAIT = 5.0
UNBOUNDED = "; ".join(
    f"SET LOCAL {name} = 0"
    for name in ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
)


class _Mine(threading.local):
    """The transaction that a thread is in, and what waits for its commit."""

    def __init__(self) -> None:
        self.connection: Connection | None = None
        self.after: list[Callable[[], None]] = []


class Database:
    """One database: an engine, and the turn to write."""

    def __init__(self, url: str, clock: Clock | None = None, longest_wait: float = LONGEST_WAIT) -> None:
        """Let a thread wait for it for so many seconds, from the moment it joins the queue."""
        self.engine: Engine = engine_for(url, longest_wait)
        self.is_sqlite = self.engine.dialect.name == "sqlite"
        self._breaker = Breaker(self._ask)
        self.turn = self._new_turn(longest_wait)
        """A context: in it this thread may write, and begins with `begin`; all waits have one deadline."""
        self.kept = RawConnections(self.engine, clock or SystemClock(), self.turn)
        self._writing = self.engine.execution_options()
        event.listen(self._writing, "begin", self._begin)
        self._mine = _Mine()

    def _new_turn(self, longest_wait: float) -> "WriteLock | Waits":
        if self.is_sqlite:
            folder = Path(str(self.engine.url.database)).absolute().parent
            return WriteLock(folder, longest_wait, self._breaker)
        from issuer.store.postgresql import Waits, bounded  # noqa: PLC0415 - the driver is an extra

        waits = Waits(longest_wait, self._breaker)
        bounded(self.engine, self.engine.url, waits, longest_wait)
        return waits

    def _ask(self) -> None:
        """Return when a transaction can be begun; connections from before may be dead."""
        if self.is_sqlite:
            self.transact(lambda cursor: cursor.execute("SELECT 1"))
            return
        self.kept.close()
        self.engine.dispose()
        with self.turn:
            self.kept.run(lambda driver: driver.execute("SELECT 1"))

    def _begin(self, connection: Connection) -> None:
        if isinstance(self.turn, WriteLock):
            self.turn.begin(connection.connection.cursor())
        else:
            connection.exec_driver_sql(BEGIN)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Give a connection for reading: each statement sees what is committed when it runs.

        Within a transaction of the same thread it is that one's.
        """
        if self._mine.connection is not None:
            yield self._mine.connection
            return
        about_to_ask(self.engine)
        with translated(), self.engine.connect() as connection:
            yield connection

    @contextmanager
    def write(self, *, repeatable: bool = False) -> Iterator[Connection]:
        """Give a connection in a transaction: committed at the end, rolled back at an exception.

        Within another one of the same thread it is the same transaction, which ends with the outer one: so
        what several repositories write is committed together. Whoever catches an error of the inner one must
        let the outer one fail too. Nothing is issued within: issuances have transactions of their own.

        Args:
            repeatable: it does no harm to write the same again, so nobody needs to know whether it was
                committed when the answer is lost.

        Raises:
            StoreError: the database failed, and nothing was written.
            issuer.store.UnknownCommitError: perhaps it was: the answer was lost, and nobody can be asked.
        """
        if self._mine.connection is not None:
            yield self._mine.connection
            return
        with self._write(self.turn, repeatable) as connection:
            yield connection

    @contextmanager
    def write_without_end(self) -> Iterator[Connection]:
        """Give a repeatable one, however long it takes: to a migration, which is no request's."""
        with self._write(self.turn.without_end(), repeatable=True) as connection:
            if not self.is_sqlite:
                connection.exec_driver_sql(UNBOUNDED)
            yield connection

    @contextmanager
    def _write(self, turn: AbstractContextManager[None], repeatable: bool) -> Iterator[Connection]:
        about_to_ask(self.engine)
        try:
            with translated(), turn, self._committing(repeatable) as connection:
                self._mine.connection = connection
                try:
                    yield connection
                finally:
                    self._mine.connection = None
        except BaseException:
            self._mine.after.clear()
            raise
        after, self._mine.after = self._mine.after, []
        for call in after:
            call()

    @contextmanager
    def _committing(self, repeatable: bool) -> Iterator[Connection]:
        """Give a connection in a transaction; see `write`."""
        try:
            with self._writing.begin() as connection:
                yield connection
                if not repeatable:
                    self._commit(connection)
        except LostCommitError as lost:
            if not self.kept.happened(lost):
                raise StoreError(f"the database failed, and nothing was written: {lost}") from lost

    def _commit(self, connection: Connection) -> None:
        try:
            self.kept.within(connection.connection, lambda cursor: self.kept.commit(cursor.connection))
        except LostCommitError:
            connection.invalidate()
            raise

    def after_commit(self, call: Callable[[], None]) -> None:
        """Call when this thread's transaction is committed, or at once when it has none."""
        if self._mine.connection is None:
            call()
        else:
            self._mine.after.append(call)

    def statement(self, clause: ClauseElement) -> Statement:
        """Return a statement for the short way, compiled once."""
        return Statement(clause, self.engine.dialect)

    def transact(self, work: Callable[[Any], T]) -> T:
        """Return what the work returns, to which a driver's cursor in a transaction is given, the short way.

        It may run again, see `RawConnections.transact`; within a transaction of this thread it runs there,
        once.
        """
        if self._mine.connection is not None:
            return self.kept.within(self._mine.connection.connection, work)
        with self.turn:
            return self.kept.transact(work)

    def prepare(self) -> None:
        """Make the file of a SQLite database; a PostgreSQL database is the operator's to make."""
        if self.is_sqlite:
            with translated(), self.turn.without_end():
                prepare_sqlite(self.engine)

    def check_writable(self) -> None:
        """Ask whether the database can be written; nobody is waited for who writes.

        Raises:
            StoreError: it cannot.
        """
        self._breaker.check()
        if self.is_sqlite:
            check_sqlite_writable(self.engine)
            return
        with self.read() as connection:
            is_read_only = connection.exec_driver_sql("SHOW transaction_read_only").scalar() == "on"
        if is_read_only:
            self.kept.close()
            self.engine.dispose()
            raise StoreError(
                "the database is read-only: it is a standby, or somebody made it so. With several hosts in "
                "the URL, add target_session_attrs=read-write"
            )

    def close(self) -> None:
        """Close every connection."""
        self._breaker.close()
        self.kept.close()
        self.engine.dispose()
        if isinstance(self.turn, WriteLock):
            self.turn.close()


@contextmanager
def translated() -> Iterator[None]:
    """Make the errors of SQLAlchemy and of the drivers ours."""
    try:
        yield
    except IntegrityError as error:
        raise DuplicateError(str(error.orig)) from error
    except (DataError, UnicodeError) as error:
        raise ValueRefusedError(f"the database cannot hold a value: {type(error).__name__}") from error
    except DBAPIError as error:
        raise StoreError(f"the database failed: {error.orig}") from error
    except SQLAlchemyError as error:
        raise StoreError(f"the database failed: {error}") from error


def digest(text: str) -> bytes:
    """Return the SHA-256 of a key that a stranger may have typed: of any length, with any character."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def parts(values: Sequence[T]) -> Iterator[Sequence[T]]:
    """Return values in parts that a statement can name: databases bound the number of its parameters."""
    return (values[start : start + MOST_NAMED] for start in range(0, len(values), MOST_NAMED))


def storable(text: str) -> bool:
    """Tell whether a database can hold a text: PostgreSQL takes no NUL, and neither takes lone surrogates."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in text
