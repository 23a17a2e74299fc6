"""Engines: how connections to SQLite and PostgreSQL are made.

Drivers are left in autocommit mode, so a read is one round trip; a write begins its transaction itself
(`issuer.store.database`).
"""

import sqlite3
from contextlib import closing
from pathlib import Path

from sqlalchemy import URL, Engine, ExceptionContext, QueuePool, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError

from issuer.store.errors import StoreError

OF_NO_USE = {"25006", "57P01", "57P02", "57P03", "57P05"}
"""SQLSTATEs of a connection that does not serve any more: read-only, as after a failover, or being ended."""
LOG_PAGES = 4000
"""Pages of 4 KB in the write-ahead log before a writer brings them into the file. All writers wait meanwhile,
and for the disk twice; issuances change the same few pages over and over, so a longer log is less work."""


def engine_for(url: str, longest_wait: float) -> Engine:
    """Return an engine for the URL of a store; nothing is connected yet."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise StoreError("the store's URL cannot be read: sqlite:////path or postgresql://...") from None
    match parsed.get_backend_name():
        case "sqlite":
            return _sqlite(parsed, longest_wait)
        case "postgresql" | "postgres":
            return _postgresql(parsed, longest_wait)
        case other:
            raise StoreError(f'the store cannot be a "{other}" database: use sqlite or postgresql')


def _sqlite(url: URL, longest_wait: float) -> Engine:
    if not url.database or url.database == ":memory:" or url.host or url.username or url.query:
        raise StoreError("a SQLite store is a file, without options or host: sqlite:////path/to/issuer.db")
    database = url.database

    def connect() -> sqlite3.Connection:
        connection = _open(database, longest_wait)
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute(f"PRAGMA wal_autocheckpoint={LOG_PAGES}")
        return connection

    plain = URL.create("sqlite", database=url.database)
    return create_engine(plain, creator=connect, poolclass=QueuePool, pool_size=0, hide_parameters=True)


def _open(database: str, busy_seconds: float) -> sqlite3.Connection:
    address = f"{Path(database).absolute().as_uri()}?mode=rw"
    return sqlite3.connect(
        address, uri=True, timeout=busy_seconds, isolation_level=None, check_same_thread=False
    )


def check_sqlite_writable(engine: Engine) -> None:
    """Ask whether a SQLite store can be written; whoever writes it just now shows that it can.

    Raises:
        StoreError: it cannot.
    """
    try:
        with closing(_open(str(engine.url.database), 0.0)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.rollback()
    except sqlite3.Error as error:
        if error.sqlite_errorname != "SQLITE_BUSY":
            raise StoreError(f"the store {engine.url.database} cannot be written: {error}") from error


def _postgresql(url: URL, longest_wait: float) -> Engine:
    try:
        from issuer.store.postgresql import defaults  # noqa: PLC0415 - the driver is an extra
    except ModuleNotFoundError:
        raise StoreError("PostgreSQL needs the driver: pip install 'psycopg[binary]'") from None
    url = url.set(drivername="postgresql+psycopg", query={**defaults(longest_wait), **url.query})
    engine = create_engine(
        url, connect_args={"autocommit": True}, pool_size=0, pool_pre_ping=True, hide_parameters=True
    )
    event.listen(engine, "handle_error", _give_up_what_is_of_no_use)
    return engine


def _give_up_what_is_of_no_use(context: ExceptionContext) -> None:
    """Let the pool replace its connections."""
    if is_of_no_use(context.original_exception):
        context.is_disconnect = True


def is_of_no_use(error: BaseException) -> bool:
    """Tell whether an error of a driver says that its connection is to be replaced."""
    return sqlstate_of(error) in OF_NO_USE


def sqlstate_of(error: BaseException) -> str | None:
    """Return the SQLSTATE of a driver's error, if the database sent it."""
    found: str | None = getattr(error, "sqlstate", None)
    return found


def prepare_sqlite(engine: Engine) -> None:
    """Make the file of a SQLite store, for its owner only, and put it in WAL mode, which then stays.

    To be called within a `WriteLock`: SQLite does not wait when two connections switch the mode at once.
    """
    path = Path(str(engine.url.database))
    try:
        if not path.exists():
            path.touch(mode=0o600)
    except OSError as error:
        raise StoreError(f"the store {path} cannot be made: {error.strerror}") from error
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA auto_vacuum=INCREMENTAL")  # counts in a new file only
        connection.exec_driver_sql("PRAGMA journal_mode=WAL")
