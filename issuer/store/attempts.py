"""Failed sign-ins, counted per bucket: an account, an address, a browser.

A bucket's name is kept as its SHA-256: people type passwords where their name belongs.
"""

from dataclasses import dataclass

from sqlalchemy import Connection, Dialect, bindparam, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from issuer.store.database import Database
from issuer.store.tables import attempts
from issuer.store.values import digest
from issuer.world import Clock

MOST_DOUBLINGS = 60


@dataclass(frozen=True, slots=True)
class AttemptPolicy:
    """How many attempts are free, and how long the waits are after that, in seconds."""

    free: int
    first_wait: float
    longest_wait: float
    forget_after: float

    def wait_after(self, count: int) -> float:
        """Return how long to wait after so many attempts: each one more doubles it."""
        if count < self.free:
            return 0.0
        return min(self.longest_wait, self.first_wait * 2.0 ** min(count - self.free, MOST_DOUBLINGS))


class Attempts:
    """The counters of the store."""

    def __init__(self, database: Database, clock: Clock) -> None:
        """Use a database, and a clock that tells when a wait is over."""
        self._database = database
        self._clock = clock
        self._first = _insert_or_ignore(database.engine.dialect)

    def reserve(self, bucket: str, policy: AttemptPolicy) -> float:
        """Count an attempt and return 0.0 if it may go on; else count nothing, return the seconds to wait.

        Exact, however many threads and processes ask at once: no two attempts take the same place.
        """
        key = digest(bucket)
        wait = self._wait(key)
        if wait > 0.0:
            return wait
        with self._database.write() as connection:
            return self._count(connection, key, policy)

    def _wait(self, key: bytes) -> float:
        """Look before the write: an attacker who is blocked costs a read, and nobody's turn to write."""
        with self._database.read() as connection:
            blocked_until = connection.scalar(
                select(attempts.c.blocked_until).where(attempts.c.bucket_hash == key)
            )
        return max(0.0, (blocked_until or 0.0) - self._clock.now())

    def _count(self, connection: Connection, key: bytes, policy: AttemptPolicy) -> float:
        connection.execute(self._first, {"bucket_hash": key})
        this = attempts.c.bucket_hash == key
        row = connection.execute(select(attempts).where(this).with_for_update()).one()
        now = self._clock.now()
        if row.blocked_until > now:
            return float(row.blocked_until) - now
        count = 1 if row.forget_at <= now else int(row._mapping["count"]) + 1
        blocked_until = now + policy.wait_after(count)
        values = {
            "count": count,
            "blocked_until": blocked_until,
            "forget_at": max(now + policy.forget_after, blocked_until),
        }
        connection.execute(update(attempts).where(this).values(values))
        return 0.0

    def release(self, bucket: str) -> None:
        """Take back one attempt that was no failure, and the wait that it began."""
        this = attempts.c.bucket_hash == digest(bucket)
        less = update(attempts).where(this, attempts.c.count > 0)
        with self._database.write() as connection:
            connection.execute(less.values(count=attempts.c.count - 1, blocked_until=0.0))

    def clear(self, bucket: str) -> None:
        """Forget every attempt of a bucket."""
        with self._database.write() as connection:
            connection.execute(delete(attempts).where(attempts.c.bucket_hash == digest(bucket)))


def _insert_or_ignore(dialect: Dialect) -> sqlite.Insert | postgresql.Insert:
    insert = sqlite.insert if dialect.name == "sqlite" else postgresql.insert
    empty = {"bucket_hash": bindparam("bucket_hash"), "count": 0, "blocked_until": 0.0, "forget_at": 0.0}
    return insert(attempts).values(empty).on_conflict_do_nothing()
