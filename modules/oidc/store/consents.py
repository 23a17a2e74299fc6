"""Consents: which scopes people let which client have, so that they are not asked again."""

from dataclasses import dataclass, replace

from sqlalchemy import ColumnElement, delete, false, select, update
from sqlalchemy.dialects import postgresql, sqlite

from issuer.identity import Identity
from issuer.store import Database
from issuer.store.database import storable
from issuer.world import Clock
from modules.oidc.store.tables import consents


@dataclass(frozen=True, slots=True)
class Consent:
    """What somebody let a client have."""

    client_id: str
    scope: tuple[str, ...]
    given_at: float
    expires_at: float


class Consents:
    """The consents of one instance."""

    def __init__(self, database: Database, clock: Clock, instance: str) -> None:
        self._database = database
        self._clock = clock
        self._instance = instance
        self._insert = sqlite.insert if database.is_sqlite else postgresql.insert

    def get(self, identity: Identity, client_id: str) -> Consent | None:
        """Return what somebody let a client have."""
        found = self._select(self._one(identity, client_id))
        return found[0] if found else None

    def all(self, identity: Identity) -> list[Consent]:
        """Return all that somebody consented to, by client."""
        return self._select(self._of(identity))

    def give(self, identity: Identity, consent: Consent) -> Consent:
        """Remember a consent together with an earlier one that holds; return both as one."""
        row = self._key(identity, consent.client_id)
        first = {**row, "scope": "", "given_at": consent.given_at, "expires_at": consent.given_at}
        with self._database.write() as connection:
            connection.execute(self._insert(consents).values(first).on_conflict_do_nothing())
            this = self._one(identity, consent.client_id)
            found = connection.execute(select(consents).where(this).with_for_update()).one()
            earlier = found.scope.split() if found.expires_at > self._clock.now() else ()
            scope = tuple(sorted({*consent.scope, *earlier}))
            values = {
                "scope": " ".join(scope),
                "given_at": consent.given_at,
                "expires_at": consent.expires_at,
            }
            connection.execute(update(consents).where(this).values(values))
        return replace(consent, scope=scope)

    def _key(self, identity: Identity, client_id: str) -> dict[str, str]:
        person = {"backend": identity.backend, "subject": identity.subject}
        return {"instance": self._instance, "client_id": client_id, **person}

    def withdraw(self, identity: Identity, client_id: str) -> bool:
        """Forget a consent; tell whether there was one."""
        with self._database.write() as connection:
            return connection.execute(delete(consents).where(self._one(identity, client_id))).rowcount > 0

    def _one(self, identity: Identity, client_id: str) -> ColumnElement[bool]:
        if not storable(client_id):
            return false()
        return self._of(identity) & (consents.c.client_id == client_id)

    def _of(self, identity: Identity) -> ColumnElement[bool]:
        return (
            (consents.c.instance == self._instance)
            & (consents.c.backend == identity.backend)
            & (consents.c.subject == identity.subject)
        )

    def _select(self, condition: ColumnElement[bool]) -> list[Consent]:
        found = select(consents).where(condition, consents.c.expires_at > self._clock.now())
        with self._database.read() as connection:
            rows = connection.execute(found.order_by(consents.c.client_id)).all()
        return [
            Consent(row.client_id, tuple(row.scope.split()), row.given_at, row.expires_at) for row in rows
        ]
