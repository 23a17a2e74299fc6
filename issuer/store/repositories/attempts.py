"""Failed sign-ins, counted per bucket: an account, an address, a browser; and what strangers may store.

A bucket's name is kept as its SHA-256: people type passwords where their name belongs. A bucket can be part
of another, by a `|` in its name: whoever clears that one clears all its parts.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
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
PREFIX = 16
"""Bytes of a key that a bucket shares with its parts."""
NEW = ("new_count", "new_blocked_until", "new_forget_at")
NOTHING: ColumnElement[int] = literal_column("0")
ONE: ColumnElement[int] = literal_column("1")


Counted = tuple[int, float, float]
"""What a row says: how many attempts, until when the bucket waits, when it is forgotten."""


@dataclass(frozen=True, slots=True)
class AttemptPolicy:
    """How many attempts are free, and how long the waits are after that, in seconds."""

    free: int
    first_wait: float
    longest_wait: float
    forget_after: float

    def wait(self, blocked_until: float, now: float) -> float:
        """Return for how many seconds a bucket waits."""
        return max(0.0, blocked_until - now)

    def counted(self, row: Counted, now: float) -> Counted:
        """Return the row after one more attempt."""
        count = 1 if row[2] <= now else row[0] + 1
        blocked_until = now + self.wait_after(count)
        return count, blocked_until, max(now + self.forget_after, blocked_until)

    def most(self, span: float) -> int:
        """Return how many attempts are possible within so many seconds."""
        count, waited = self.free, 0.0
        while (wait := self.wait_after(count)) < self.longest_wait and waited + wait <= span:
            count, waited = count + 1, waited + wait
        return count + int((span - waited) // self.longest_wait)

    def wait_after(self, count: int) -> float:
        """Return how long to wait after so many attempts: each one more doubles it."""
        if count < self.free:
            return 0.0
        return min(self.longest_wait, self.first_wait * 2.0 ** min(count - self.free, MOST_DOUBLINGS))


@dataclass(frozen=True, slots=True)
class Quota:
    """How much may be used within a window of so many seconds; what is used comes back evenly.

    A bucket is one number: the moment at which all that was used has come back.
    """

    limit: float
    window: float
    cost: float = 1.0
    """How much is used at a time."""

    def wait(self, full_at: float, now: float) -> float:
        """Return how many seconds it takes until a bucket has so much left; 0.0 when it has."""
        return max(0.0, max(full_at, now) + self.back - now - self.window)

    def counted(self, row: Counted, now: float) -> Counted:
        """Return the row after so much more is used."""
        full_at = max(row[1], now) + self.back
        return 0, full_at, full_at

    @property
    def back(self) -> float:
        """Return in how many seconds what is used at a time comes back."""
        return self.cost * self.window / self.limit


Limit = AttemptPolicy | Quota


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
        put: dict[str, Any] = {name.removeprefix("new_"): bindparam(name) for name in NEW}
        less = {"count": row["count"] - ONE, "blocked_until": NOTHING}
        back = {name: row[name] - bindparam("back") for name in ("blocked_until", "forget_at")}
        statement = database.statement
        self._take = statement(_insert_or_lock(database.engine.dialect))
        self._wait = statement(select(row.blocked_until).where(this))
        self._put = statement(update(attempts).where(this).values(put))
        self._less = statement(update(attempts).where(this, row["count"] > ONE).values(less))
        self._last = statement(delete(attempts).where(this, row["count"] <= ONE))
        self._back = statement(update(attempts).where(this).values(back))
        whole_again = back["blocked_until"] <= bindparam("now")
        self._whole = statement(delete(attempts).where(this, whole_again))
        self._delete = statement(delete(attempts).where(this))
        parts = row.bucket_hash.between(bindparam("first"), bindparam("last"))
        self._clear = statement(delete(attempts).where(parts))

    def reserve(self, bucket: str, policy: AttemptPolicy) -> float:
        """Count an attempt and return 0.0 if it may go on; else count nothing, return the seconds to wait."""
        waits = self.reserve_all({bucket: policy})
        return waits.seconds if waits else 0.0

    def reserve_all(self, limits: Mapping[str, Limit]) -> Pause | None:
        """Count an attempt in each bucket and return None if it may go on; else count nothing, say why.

        Exact, however many threads and processes ask at once: no two attempts take the same place.
        """
        buckets = {_key(bucket): bucket for bucket in limits}
        for key, bucket in buckets.items():
            if (wait := self._wait_of(key, limits[bucket])) > 0.0:
                return Pause(bucket, wait)

        def count(cursor: Any) -> Pause | None:
            now = self._clock.now()
            rows = {key: self._row(cursor, key) for key in sorted(buckets)}  # in one order: no deadlock
            for key, row in rows.items():
                if (wait := limits[buckets[key]].wait(row[1], now)) > 0.0:
                    return Pause(buckets[key], wait)
            for key, row in rows.items():
                new = zip(NEW, limits[buckets[key]].counted(row, now), strict=True)
                self._put.run(cursor, {"key": key, **dict(new)})
            return None

        return self._database.transact(count)

    def spend(self, quotas: Mapping[str, Quota], cost: float) -> Pause | None:
        """Use so much of every bucket's quota and return None; where it is used up, use nothing, say why."""
        return self.reserve_all({bucket: replace(quota, cost=cost) for bucket, quota in quotas.items()})

    def _wait_of(self, key: bytes, limit: Limit) -> float:
        """Look before the write: an attacker who is blocked costs a read, and nobody's turn to write."""
        row = self._database.kept.first(self._wait, {"key": key})
        return limit.wait(row[0], self._clock.now()) if row else 0.0

    def _row(self, cursor: Any, key: bytes) -> Counted:
        self._take.run(cursor, {"key": key})
        ((count, blocked_until, forget_at),) = cursor.fetchall()
        return count, blocked_until, forget_at

    def release(self, *buckets: str) -> None:
        """Take back one attempt of each that was no failure, and the wait that it began."""
        self._settle({_key(bucket): self._one_less for bucket in buckets})

    def take_back(self, limits: Mapping[str, Limit], cleared: str | None = None) -> None:
        """Take back one attempt of each that was no failure, and forget every attempt of one, at once."""
        changes = {_key(bucket): self._undo(limit) for bucket, limit in limits.items()}
        if cleared is not None:
            changes[_key(cleared)] = (self._delete,), {}
        self._settle(changes)

    def _undo(self, limit: Limit) -> "_Undo":
        if isinstance(limit, Quota):
            return (self._whole, self._back), {"back": limit.back, "now": self._clock.now()}
        return self._one_less

    @property
    def _one_less(self) -> "_Undo":
        """What was the only attempt leaves no row: who is taken back fills no store."""
        return (self._last, self._less), {}

    def clear(self, bucket: str) -> None:
        """Forget every attempt of a bucket and of its parts."""
        key = _key(bucket)
        whole = key[:PREFIX]
        bounds = {"first": whole + bytes(PREFIX), "last": whole + b"\xff" * PREFIX}
        if "|" in bucket:
            bounds = dict.fromkeys(bounds, key)
        self._database.transact(lambda cursor: self._clear.run(cursor, bounds))

    def _settle(self, changes: Mapping[bytes, "_Undo"]) -> None:
        def settle(cursor: Any) -> None:
            for key, (statements, values) in sorted(changes.items(), key=itemgetter(0)):
                for statement in statements:
                    statement.run(cursor, {"key": key, **values})

        self._database.transact(settle)


_Undo = tuple[tuple[Statement, ...], Mapping[str, float]]


def _key(bucket: str) -> bytes:
    """Return the hash of a bucket's name; of a part's, half is the hash of the whole."""
    whole, is_part, part = bucket.partition("|")
    return digest(whole)[:PREFIX] + digest(part)[:PREFIX] if is_part else digest(whole)


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
