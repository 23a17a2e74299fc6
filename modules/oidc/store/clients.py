"""Clients that were added by command. Their secrets are random, so a SHA-256 of one is enough to know it."""

from dataclasses import dataclass, field

from sqlalchemy import ColumnElement, Delete, Update, delete, false, insert, select, true, update

from issuer.store import Database
from issuer.store.database import storable
from issuer.world import Clock
from modules.oidc.store.tables import clients


@dataclass(frozen=True, slots=True)
class StoredClient:
    """A client; `settings` is its section as JSON."""

    client_id: str
    settings: str
    secret_hash: bytes | None = field(repr=False)
    created_at: float
    changed_at: float


class StoredClients:
    """The clients of one instance."""

    def __init__(self, database: Database, clock: Clock, instance: str) -> None:
        self._database = database
        self._clock = clock
        self._instance = instance

    def add(self, client_id: str, settings: str, secret_hash: bytes | None) -> None:
        """Add a client.

        Raises:
            issuer.store.DuplicateError: the id is taken.
        """
        now = self._clock.now()
        values = {
            "instance": self._instance,
            "client_id": client_id,
            "settings": settings,
            "secret_hash": secret_hash,
            "created_at": now,
            "changed_at": now,
        }
        with self._database.write() as connection:
            connection.execute(insert(clients), values)

    def get(self, client_id: str) -> StoredClient | None:
        """Return a client."""
        found = self._select(self._one(client_id))
        return found[0] if found else None

    def all(self) -> list[StoredClient]:
        """Return every client, by id."""
        return self._select(true())

    def set_secret(self, client_id: str, secret_hash: bytes) -> bool:
        """Give a client another secret; tell whether there is such a client."""
        values = {"secret_hash": secret_hash, "changed_at": self._clock.now()}
        return self._change(update(clients).where(self._one(client_id)).values(values))

    def remove(self, client_id: str) -> bool:
        """Remove a client; tell whether there was one."""
        return self._change(delete(clients).where(self._one(client_id)))

    def _one(self, client_id: str) -> ColumnElement[bool]:
        return clients.c.client_id == client_id if storable(client_id) else false()

    def _change(self, statement: Update | Delete) -> bool:
        mine = statement.where(clients.c.instance == self._instance)
        with self._database.write() as connection:
            return connection.execute(mine).rowcount > 0

    def _select(self, condition: ColumnElement[bool]) -> list[StoredClient]:
        found = select(clients).where(clients.c.instance == self._instance, condition)
        with self._database.read() as connection:
            rows = connection.execute(found.order_by(clients.c.client_id)).all()
        return [
            StoredClient(row.client_id, row.settings, row.secret_hash, row.created_at, row.changed_at)
            for row in rows
        ]
