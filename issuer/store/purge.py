"""Deleting what has expired, in transactions so small that nobody waits; and how large the rest is."""

from collections.abc import Mapping

from sqlalchemy import ColumnElement, Connection, Table, and_, delete, or_, select, text, tuple_

from issuer.store.database import Database
from issuer.store.fast.commits import KEPT, moment
from issuer.store.tables import (
    attempts,
    commits,
    issuances,
    known_browsers,
    pending_steps,
    sessions,
    upstream_grants,
)


def expired_in_core(now: float, issuance_retention: float) -> dict[Table, ColumnElement[bool]]:
    """Return which rows of the core's tables have expired."""
    gone = now - issuance_retention
    return {
        sessions: or_(sessions.c.expires_at <= now, sessions.c.idle_expires_at <= now),
        attempts: attempts.c.forget_at <= now,
        pending_steps: pending_steps.c.expires_at <= now,
        upstream_grants: upstream_grants.c.expires_at <= now,
        known_browsers: known_browsers.c.expires_at <= now,
        commits: commits.c.id < moment(max(0.0, now - KEPT)),
        issuances: and_(issuances.c.issued_at <= gone, issuances.c.expires_at <= gone),
    }


def purge(database: Database, expired: Mapping[Table, ColumnElement[bool]], limit: int) -> int:
    """Delete at most `limit` expired rows of every table; return how many there were."""
    return sum(_delete(database, table, condition, limit) for table, condition in expired.items())


def _delete(database: Database, table: Table, condition: ColumnElement[bool], limit: int) -> int:
    """Delete one batch; machines that purge at once skip each other's rows."""
    columns = list(table.primary_key.columns)
    batch = select(*columns).where(condition).limit(limit).with_for_update(skip_locked=True)
    key = tuple_(*columns) if len(columns) > 1 else columns[0]
    with database.write(repeatable=True) as connection:
        return connection.execute(delete(table).where(key.in_(batch))).rowcount


SPARE_SHARE, SPARE_PAGES = 4, 1000
"""Free pages that a SQLite file keeps for what comes next: a quarter of it, and 4 MB."""


def shrink(database: Database, pages: int) -> bool:
    """Give at most `pages` free pages of a SQLite file back; tell whether there are more to give."""
    if not database.is_sqlite or _spare(database) <= 0:
        return False
    # As a script: `execute` would stop after the first page.
    script = f"PRAGMA incremental_vacuum({int(pages)})"
    with database.turn:
        database.kept.run(lambda driver: driver.executescript(script))
    return _spare(database) > 0


def _spare(database: Database) -> int:
    with database.read() as connection:
        if _pragma(connection, "auto_vacuum") == 0:
            return 0
        free, whole = _pragma(connection, "freelist_count"), _pragma(connection, "page_count")
    return free - max(SPARE_PAGES, whole // SPARE_SHARE)


def size(database: Database) -> int:
    """Return how many bytes a database has."""
    with database.read() as connection:
        if not database.is_sqlite:
            return int(connection.scalar(text("SELECT pg_database_size(current_database())")) or 0)
        return _pragma(connection, "page_count") * _pragma(connection, "page_size")


def _pragma(connection: Connection, name: str) -> int:
    return int(connection.exec_driver_sql(f"PRAGMA {name}").scalar() or 0)
