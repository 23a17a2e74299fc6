"""Deleting what has expired, in transactions so small that nobody waits for them."""

from collections.abc import Mapping

from sqlalchemy import ColumnElement, Table, and_, delete, or_, select, tuple_

from issuer.store.database import Database
from issuer.store.tables import attempts, issuances, known_browsers, pending_steps, sessions, upstream_grants


def expired_in_core(now: float, issuance_retention: float) -> dict[Table, ColumnElement[bool]]:
    """Return which rows of the core's tables have expired."""
    gone = now - issuance_retention
    return {
        sessions: or_(sessions.c.expires_at <= now, sessions.c.idle_expires_at <= now),
        attempts: attempts.c.forget_at <= now,
        pending_steps: pending_steps.c.expires_at <= now,
        upstream_grants: upstream_grants.c.expires_at <= now,
        known_browsers: known_browsers.c.expires_at <= now,
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
    with database.write() as connection:
        return connection.execute(delete(table).where(key.in_(batch))).rowcount
