"""What a browser has begun and not finished, under the SHA-256 of an id that only it holds."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Row, and_, delete, insert, select

from issuer import jsontext
from issuer.store.database import Database
from issuer.store.errors import OutdatedError
from issuer.store.repositories.users import insert_for_user, row_for_user
from issuer.store.tables import pending_steps
from issuer.world import Clock


@dataclass(frozen=True, slots=True)
class PendingStep:
    """A step of somebody's that is not done yet; `content` is what must be known to go on."""

    id_hash: bytes = field(repr=False)
    backend: str
    subject: str
    content: Mapping[str, object] = field(repr=False)
    expires_at: float


class PendingSteps:
    """The pending steps of the store. An expired one is as if it were not there, purged or not."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._insert_for_user = database.statement(insert_for_user(pending_steps))

    def add(self, step: PendingStep, proof: str = "") -> None:
        """Keep a step; `proof` is that of the identity.

        Raises:
            OutdatedError: it is a local user's, who was disabled or has another password by now.
        """
        values = {
            "id_hash": step.id_hash,
            "backend": step.backend,
            "subject": step.subject,
            "content": jsontext.dump(dict(step.content)).decode(),
            "expires_at": step.expires_at,
        }
        if not proof:
            with self._database.write() as connection:
                connection.execute(insert(pending_steps).values(values))
        elif not self._database.transact(lambda cursor: self._add_for_user(cursor, values, proof)):
            raise OutdatedError("a local user changed while they signed in")

    def _add_for_user(self, cursor: Any, values: Mapping[str, object], proof: str) -> bool:
        self._insert_for_user.run(cursor, row_for_user(values, proof))
        return bool(cursor.rowcount)

    def get(self, id_hash: bytes) -> PendingStep | None:
        """Return a step that has not expired."""
        living = and_(pending_steps.c.id_hash == id_hash, pending_steps.c.expires_at > self._clock.now())
        with self._database.read() as connection:
            row = connection.execute(select(pending_steps).where(living)).one_or_none()
        return _step(row) if row else None

    def finish(self, id_hash: bytes) -> bool:
        """Take a step away; tell whether it was there. One of many calls wins."""
        with self._database.write() as connection:
            this = pending_steps.c.id_hash == id_hash
            return connection.execute(delete(pending_steps).where(this)).rowcount > 0

    def drop_of(self, backend: str, subject: str) -> None:
        """Forget every step of a person."""
        theirs = and_(pending_steps.c.backend == backend, pending_steps.c.subject == subject)
        with self._database.write() as connection:
            connection.execute(delete(pending_steps).where(theirs))


def _step(row: Row[tuple[object, ...]]) -> PendingStep:
    found = row._mapping
    return PendingStep(
        found["id_hash"],
        found["backend"],
        found["subject"],
        jsontext.load(found["content"]),
        found["expires_at"],
    )
