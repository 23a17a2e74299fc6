"""Who lives: every worker that runs jobs has a lease, which it renews; when it ends, others take its jobs.

On PostgreSQL the times are the database's, so that the clocks of machines need not agree to the tenth. When
that clock, or on SQLite the one of the machine, is set, a lease ends that lies further ahead than any can.
"""

from sqlalchemy import ColumnElement, Connection, case, delete, func, literal, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from issuer.store import Database
from issuer.world import SteadyClock
from modules.livekit.delegation.jobs.tables import jobs, owners

LEASE = 0.8
"""Seconds for which a worker is believed to live after its last sign of life."""


class Leases:
    """The leases of one instance."""

    def __init__(self, database: Database, instance: str, clock: SteadyClock) -> None:
        self.database = database
        self.clock = clock
        """That of this process, in which times of jobs are remembered."""
        self._instance = instance
        self._drift = clock.drift()
        self._quiet_until = float("-inf")
        self._insert = sqlite.insert if database.is_sqlite else postgresql.insert

    def renew(self, owner: str) -> None:
        """Give a sign of life."""
        with self.database.write(repeatable=True) as connection:
            self.hold(connection, owner)

    def hold(self, connection: Connection, owner: str) -> None:
        """Give a sign of life in a transaction that gives a job to the owner."""
        until = self._now(connection) + LEASE
        row = {"owner": owner, "instance": self._instance, "lease_until": until}
        upsert = self._insert(owners).values(row)
        connection.execute(
            upsert.on_conflict_do_update(index_elements=[owners.c.owner], set_={"lease_until": until})
        )

    def release(self, owner: str) -> None:
        """Let others take over at once."""
        with self.database.write(repeatable=True) as connection:
            connection.execute(update(owners).where(owners.c.owner == owner).values(lease_until=0.0))

    def dead(self, but: str) -> list[str]:
        """Return owners other than `but` whose lease has ended; that costs one read."""
        with self.database.read() as connection:
            return self._dead(connection, but)

    def _dead(self, connection: Connection, but: str) -> list[str]:
        if self._clock_was_set():
            return []
        ended = select(owners.c.owner).where(
            owners.c.instance == self._instance, owners.c.owner != but, _has_ended(self._now(connection))
        )
        return list(connection.scalars(ended))

    def _clock_was_set(self) -> bool:
        """Tell whether the wall clock was set so lately that others may not have renewed their leases."""
        if not self.database.is_sqlite:
            return False
        now, drift = self.clock.now(), self.clock.drift()
        if abs(drift - self._drift) > LEASE / 8:
            self._drift, self._quiet_until = drift, now + LEASE
        return now < self._quiet_until

    def take_over(self, connection: Connection, owner: str, limit: int) -> list[str]:
        """Make jobs of the dead an owner's, at most `limit`; return their ids."""
        dead = self._dead(connection, owner)
        if not dead:
            return []
        batch = select(jobs.c.id).where(jobs.c.owner.in_(dead)).limit(limit)
        ids = list(connection.scalars(batch.with_for_update(skip_locked=True)))
        if ids:
            self.hold(connection, owner)
            now = self.clock.now() + self.clock.drift()  # another machine's clock may have been ahead
            at = case((jobs.c.restarted_at > now, now), else_=jobs.c.restarted_at)
            values = {"owner": owner, "version": jobs.c.version + 1, "restarted_at": at}
            connection.execute(update(jobs).where(jobs.c.id.in_(ids)).values(values))
        self._bury(connection, dead)
        return ids

    def _bury(self, connection: Connection, dead: list[str]) -> None:
        """Forget those of the dead who have no jobs left."""
        with_jobs = select(literal(1)).where(jobs.c.owner == owners.c.owner).exists()
        gone = _has_ended(self._now(connection))
        connection.execute(delete(owners).where(owners.c.owner.in_(dead), gone, ~with_jobs))

    def _now(self, connection: Connection) -> float:
        if self.database.is_sqlite:
            return self.clock.now() + self.clock.drift()
        found: float | None = connection.scalar(select(func.extract("epoch", func.clock_timestamp())))
        return float(found or 0.0)


def _has_ended(now: float) -> ColumnElement[bool]:
    """Say that a lease has ended, or was given before a clock was set back."""
    return or_(owners.c.lease_until <= now, owners.c.lease_until > now + 2 * LEASE)
