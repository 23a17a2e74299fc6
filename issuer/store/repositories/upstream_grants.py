"""With what people can be read again at the server that signed them in: one row for each of their sign-ins.

What a row holds is sealed before it comes here. A row that the server takes no longer stays, empty: so that
nobody counts as if nothing had ever been kept of them.
"""

from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import ColumnElement, Double, and_, cast, delete, func, insert, literal, or_, select, update

from issuer.store.database import Database
from issuer.store.tables import upstream_grants
from issuer.world import Clock

COLUMNS = ("id", "backend", "subject", "sealed", "asked_at", "expires_at")
MOST = 5
"""Rows of one person; the oldest are given up."""


@dataclass(frozen=True, slots=True)
class UpstreamGrant:
    """What one sign-in left."""

    id: bytes = field(repr=False)
    backend: str
    subject: str
    sealed: bytes | None = field(repr=False)
    """None when the server takes it no longer."""
    asked_at: float
    """When the server answered last."""
    expires_at: float
    held_until: float = field(default=0.0, repr=False, compare=False)
    """By this whoever took it knows that it is theirs still."""


class UpstreamGrants:
    """The grants of the store."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def add(self, grant: UpstreamGrant) -> None:
        """Keep what a sign-in left, in place of what is good no longer, and of the oldest."""
        theirs = _person(grant.backend, grant.subject)
        newest = select(upstream_grants.c.id).where(theirs, upstream_grants.c.sealed.is_not(None))
        newest = newest.order_by(upstream_grants.c.asked_at.desc()).limit(MOST - 1)
        values = {name: getattr(grant, name) for name in COLUMNS}
        with self._database.write() as connection:
            kept = connection.scalars(newest).all()
            connection.execute(delete(upstream_grants).where(theirs, upstream_grants.c.id.not_in(kept)))
            connection.execute(insert(upstream_grants).values({**values, "busy_until": 0.0}))

    def forget_ended(self, backend: str, subject: str) -> None:
        """Forget what the server of somebody takes no longer: they have signed in anew."""
        ended = and_(_person(backend, subject), upstream_grants.c.sealed.is_(None))
        with self._database.write() as connection:
            connection.execute(delete(upstream_grants).where(ended))

    def of(self, backend: str, subject: str) -> list[UpstreamGrant]:
        """Return what there is of somebody, the newest first."""
        living = and_(_person(backend, subject), upstream_grants.c.expires_at > self._clock.now())
        return self._found(living)

    def take(self, grant: UpstreamGrant, seconds: float) -> UpstreamGrant | None:
        """Return a grant as it is now, for this caller alone; None while another one has it.

        After so many seconds it can be taken again, whatever became of the caller, and however somebody set
        a clock meanwhile.
        """
        now, this = self._database_time(), upstream_grants.c.id == grant.id
        until = upstream_grants.c.busy_until
        free = and_(this, or_(until <= now, until > now + 2 * seconds))
        with self._database.write() as connection:
            taken = connection.execute(update(upstream_grants).where(free).values(busy_until=now + seconds))
            row = connection.execute(select(upstream_grants).where(this)).one_or_none()
        if row is None:
            return UpstreamGrant(grant.id, grant.backend, grant.subject, None, 0.0, 0.0)
        return replace(_grant(row), held_until=row.busy_until) if taken.rowcount else None

    def _database_time(self) -> ColumnElement[float]:
        """Return the time by one clock for all machines: PostgreSQL's, or that of the one with SQLite."""
        if self._database.is_sqlite:
            return literal(self._clock.now(), Double)
        return cast(func.extract("epoch", func.clock_timestamp()), Double)

    def put(self, grant: UpstreamGrant, *, done: bool = True) -> None:
        """Write a grant that was taken, and let go of it when `done`; unless others have it by now."""
        values: dict[str, Any] = {
            "sealed": grant.sealed,
            "asked_at": grant.asked_at,
            "expires_at": grant.expires_at,
        }
        self._change(grant, values | ({"busy_until": 0.0} if done else {}))

    def let_go(self, grant: UpstreamGrant) -> None:
        """Let go of a grant that was taken, as it is."""
        self._change(grant, {"busy_until": 0.0})

    def _change(self, grant: UpstreamGrant, values: dict[str, Any]) -> None:
        held = and_(upstream_grants.c.id == grant.id, upstream_grants.c.busy_until == grant.held_until)
        with self._database.write() as connection:
            connection.execute(update(upstream_grants).where(held).values(values))

    def _found(self, condition: ColumnElement[bool]) -> list[UpstreamGrant]:
        found = select(upstream_grants).where(condition).order_by(upstream_grants.c.asked_at.desc())
        with self._database.read() as connection:
            return [_grant(row) for row in connection.execute(found)]


def _person(backend: str, subject: str) -> ColumnElement[bool]:
    return and_(upstream_grants.c.backend == backend, upstream_grants.c.subject == subject)


def _grant(row: Any) -> UpstreamGrant:
    found = row._mapping
    return UpstreamGrant(**{name: found[name] for name in COLUMNS})
