"""Failed sign-ins, counted per bucket: an account, an address, a browser; and what strangers may store.

A bucket's name is kept as its SHA-256: people type passwords where their name belongs.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from sqlalchemy import ColumnElement, Dialect, and_, bindparam, delete, literal_column, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.dml import ReturningInsert

from issuer.store.database import Database, digest
from issuer.store.fast.connections import Statement
from issuer.store.tables import attempts, known_browsers
from issuer.world import Clock

MOST_DOUBLINGS = 60
NOTHING: ColumnElement[int] = literal_column("0")
ONE: ColumnElement[int] = literal_column("1")


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


@dataclass(frozen=True, slots=True)
class Quota:
    """How much may be used within a window of so many seconds; what is used comes back evenly."""

    limit: float
    window: float


@dataclass(frozen=True, slots=True)
class Pause:
    """Why an attempt may not go on: the bucket that waits, and for how many seconds."""

    bucket: str
    seconds: float


class Attempts:
    """The counters of the store."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        row, this = attempts.c, attempts.c.bucket_hash == bindparam("key")
        put: dict[str, Any] = {
            name: bindparam(f"new_{name}") for name in ("count", "blocked_until", "forget_at")
        }
        less = {"count": row["count"] - ONE, "blocked_until": NOTHING}
        statement = database.statement
        self._take = statement(_insert_or_lock(database.engine.dialect))
        self._wait = statement(select(row.blocked_until).where(this))
        self._put = statement(update(attempts).where(this).values(put))
        self._less = statement(update(attempts).where(this, row["count"] > NOTHING).values(less))
        self._delete = statement(delete(attempts).where(this))

    def reserve(self, bucket: str, policy: AttemptPolicy) -> float:
        """Count an attempt and return 0.0 if it may go on; else count nothing, return the seconds to wait."""
        waits = self.reserve_all({bucket: policy})
        return waits.seconds if waits else 0.0

    def reserve_all(self, policies: Mapping[str, AttemptPolicy]) -> Pause | None:
        """Count an attempt in each bucket and return None if it may go on; else count nothing, say why.

        Exact, however many threads and processes ask at once: no two attempts take the same place.
        """
        buckets = {digest(bucket): bucket for bucket in policies}
        for key, bucket in buckets.items():
            if (wait := self._wait_of(key)) > 0.0:
                return Pause(bucket, wait)

        def count(cursor: Any) -> Pause | None:
            now = self._clock.now()
            rows = {key: self._row(cursor, key) for key in sorted(buckets)}  # in one order: no deadlock
            for key, (_, blocked_until, _) in rows.items():
                if blocked_until > now:
                    return Pause(buckets[key], blocked_until - now)
            for key, row in rows.items():
                self._count(cursor, key, row, policies[buckets[key]], now)
            return None

        return self._database.transact(count)

    def spend(self, quotas: Mapping[str, Quota], cost: float) -> Pause | None:
        """Use so much of every bucket's quota and return None; where it is used up, use nothing, say why.

        A bucket is one number: the moment at which all that was used has come back.
        """
        buckets = {digest(bucket): (bucket, quota) for bucket, quota in quotas.items()}
        for key, (bucket, quota) in buckets.items():
            row = self._database.kept.first(self._wait, {"key": key})
            if row and (wait := _waits(row[0], self._clock.now(), quota, cost)) > 0.0:
                return Pause(bucket, wait)

        def use(cursor: Any) -> Pause | None:
            now = self._clock.now()
            rows = {key: self._row(cursor, key)[1] for key in sorted(buckets)}
            for key, full_at in rows.items():
                bucket, quota = buckets[key]
                if (wait := _waits(full_at, now, quota, cost)) > 0.0:
                    return Pause(bucket, wait)
            for key, full_at in rows.items():
                quota = buckets[key][1]
                at = max(full_at, now) + cost * quota.window / quota.limit
                self._put.run(
                    cursor, {"key": key, "new_count": 0, "new_blocked_until": at, "new_forget_at": at}
                )
            return None

        return self._database.transact(use)

    def _wait_of(self, key: bytes) -> float:
        """Look before the write: an attacker who is blocked costs a read, and nobody's turn to write."""
        row = self._database.kept.first(self._wait, {"key": key})
        return max(0.0, row[0] - self._clock.now()) if row else 0.0

    def _row(self, cursor: Any, key: bytes) -> tuple[int, float, float]:
        self._take.run(cursor, {"key": key})
        ((count, blocked_until, forget_at),) = cursor.fetchall()
        return count, blocked_until, forget_at

    def _count(
        self, cursor: Any, key: bytes, row: tuple[int, float, float], policy: AttemptPolicy, now: float
    ) -> None:
        count = 1 if row[2] <= now else row[0] + 1
        blocked_until = now + policy.wait_after(count)
        values = {
            "new_count": count,
            "new_blocked_until": blocked_until,
            "new_forget_at": max(now + policy.forget_after, blocked_until),
        }
        self._put.run(cursor, {"key": key, **values})

    def release(self, *buckets: str) -> None:
        """Take back one attempt of each that was no failure, and the wait that it began."""
        self._settle(dict.fromkeys(buckets, self._less))

    def clear(self, bucket: str) -> None:
        """Forget every attempt of a bucket."""
        self._settle({bucket: self._delete})

    def succeed(self, cleared: str, released: str) -> None:
        """Clear one bucket, and release another, at once."""
        self._settle({released: self._less, cleared: self._delete})

    def _settle(self, changes: Mapping[str, Statement]) -> None:
        ordered = sorted(((digest(bucket), change) for bucket, change in changes.items()), key=itemgetter(0))

        def settle(cursor: Any) -> None:
            for key, change in ordered:
                change.run(cursor, {"key": key})

        self._database.transact(settle)


def _waits(full_at: float, now: float, quota: Quota, cost: float) -> float:
    """Return how many seconds it takes until a quota has so much left; 0.0 when it has."""
    return max(0.0, max(full_at, now) + cost * quota.window / quota.limit - now - quota.window)


def _insert_or_lock(dialect: Dialect) -> ReturningInsert[tuple[int, float, float]]:
    """Return a statement that makes a row, or locks the one there is: nobody clears it before it is read."""
    insert = sqlite.insert if dialect.name == "sqlite" else postgresql.insert
    empty = dict.fromkeys(("count", "blocked_until", "forget_at"), NOTHING)
    row = attempts.c
    return (
        insert(attempts)
        .values(bucket_hash=bindparam("key"), **empty)
        .on_conflict_do_update(index_elements=[row.bucket_hash], set_={"count": row["count"]})
        .returning(row["count"], row.blocked_until, row.forget_at)
    )


class KnownBrowsers:
    """The known browsers of the store; `token_hash` is the SHA-256 of what is in the browser's cookie."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        insert = sqlite.insert if database.is_sqlite else postgresql.insert
        new = insert(known_browsers)
        keys = [known_browsers.c.account_hash, known_browsers.c.token_hash]
        again = new.on_conflict_do_update(index_elements=keys, set_={"expires_at": new.excluded.expires_at})
        this = and_(*(column == bindparam(column.name) for column in keys))
        self._remember = database.statement(again)
        self._expires = database.statement(select(known_browsers.c.expires_at).where(this))

    def remember(self, token_hash: bytes, account: str, expires_at: float) -> None:
        """Remember that a browser signed in to an account."""
        row = {"account_hash": digest(account), "token_hash": token_hash, "expires_at": expires_at}
        self._database.transact(lambda cursor: self._remember.run(cursor, row))

    def knows(self, token_hash: bytes, account: str, until: float = 0.0) -> bool:
        """Tell whether a browser signed in to an account not too long ago, and is remembered `until` then."""
        this = {"account_hash": digest(account), "token_hash": token_hash}
        row = self._database.kept.first(self._expires, this)
        expires_at = row[0] if row else None
        return expires_at is not None and expires_at > self._clock.now() and expires_at >= until

    def forget_account(self, account: str) -> None:
        """Forget every browser of an account."""
        with self._database.write() as connection:
            connection.execute(delete(known_browsers).where(known_browsers.c.account_hash == digest(account)))
