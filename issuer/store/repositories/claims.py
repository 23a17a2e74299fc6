"""Whose a user name is: the first identity that came with it, and those that the operator says are the same.

A name is looked up by its SHA-256, as a stranger may have chosen it; how it is normalized first is the
caller's.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, delete, func, insert, select, update

from issuer.store.database import Database, digest
from issuer.store.fast.connections import Statement
from issuer.store.tables import uid_claims


@dataclass(frozen=True, slots=True)
class UidClaim:
    """A user name, and the identity key of a person who has it."""

    uid: str
    backend: str
    subject: str


class UidClaims:
    """The claims of the store; at most one of each backend for a name."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._named = Statement(_NAMED, database.engine.dialect)

    def holds(self, key: str, own: UidClaim, same: Collection[str]) -> bool:
        """Tell whether somebody has the name already, with nobody of another backend before them."""
        rows = self._database.kept.all(self._named, {"hash": digest(key)})
        return self._judge(rows, own, same) == own

    def of(self, key: str, backends: Collection[str]) -> list[UidClaim]:
        """Return who has a name in these backends, the first one first."""
        rows = self._database.kept.all(self._named, {"hash": digest(key)})
        return [claim for claim in (UidClaim(*row) for row in rows) if claim.backend in backends]

    def claim(self, key: str, own: UidClaim, same: Collection[str], now: float) -> UidClaim | None:
        """Take the name `key` for somebody; return the claim that is in the way, None when they have it.

        The first claim of a name says which backend it belongs to; `same` are the backends whose people are
        those of `own`'s. Of many calls at once for one name by different people, one succeeds.
        """
        name = digest(key)
        with self._database.write() as connection:
            if not self._database.is_sqlite:
                number = int.from_bytes(name[:8], signed=True)
                connection.execute(select(func.pg_advisory_xact_lock(number)))
            found = self._judge(connection.execute(_NAMED, {"hash": name}), own, same)
            if found is None:
                values = {"uid_hash": name, "claimed_at": now, **_values(own)}
                connection.execute(insert(uid_claims), values)
            return None if found == own else found

    @staticmethod
    def _judge(rows: Iterable[Any], own: UidClaim, same: Collection[str]) -> UidClaim | None:
        """Return the claim in the way, `own` when it is there already, None when nothing is."""
        claims = [UidClaim(*row) for row in rows]
        if claims and claims[0].backend not in same:
            return claims[0]
        held = next((claim for claim in claims if claim.backend == own.backend), None)
        return own if held is not None and held.subject == own.subject else held

    def move(self, key: str, old: UidClaim, new: UidClaim) -> bool:
        """Give a name from one person of a backend to another; tell whether it was still the first one's."""
        row = uid_claims.c.uid_hash == digest(key)
        theirs = row & (uid_claims.c.backend == old.backend) & (uid_claims.c.subject == old.subject)
        with self._database.write() as connection:
            return connection.execute(update(uid_claims).where(theirs).values(_values(new))).rowcount > 0

    def release(self, key: str) -> int:
        """Let a name belong to nobody; return how many claims there were."""
        with self._database.write() as connection:
            return connection.execute(delete(uid_claims).where(uid_claims.c.uid_hash == digest(key))).rowcount


def _values(claim: UidClaim) -> dict[str, Any]:
    return {"backend": claim.backend, "subject": claim.subject, "uid": claim.uid}


_NAMED = (
    select(uid_claims.c.uid, uid_claims.c.backend, uid_claims.c.subject)
    .where(uid_claims.c.uid_hash == bindparam("hash"))
    .order_by(uid_claims.c.claimed_at)
)
