"""Authorization requests that clients pushed here (RFC 9126)."""

import json
from dataclasses import dataclass, field

from sqlalchemy import delete, insert, select

from issuer.store import Database
from issuer.world import Clock
from modules.oidc.store.tables import pushed_requests


@dataclass(frozen=True, slots=True)
class Pushed:
    """A request, parameter by parameter."""

    client_id: str
    pairs: list[tuple[str, str]] = field(repr=False)


class PushedRequests:
    """The pushed requests of the store."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def add(self, uri_hash: bytes, pushed: Pushed, expires_at: float) -> None:
        """Keep a request until `expires_at`."""
        values = {
            "uri_hash": uri_hash,
            "client_id": pushed.client_id,
            "parameters": json.dumps(pushed.pairs),
            "created_at": self._clock.now(),
            "expires_at": expires_at,
        }
        with self._database.write() as connection:
            connection.execute(insert(pushed_requests), values)

    def get(self, uri_hash: bytes) -> Pushed | None:
        """Return a request that has not expired."""
        alive = pushed_requests.c.expires_at > self._clock.now()
        found = select(pushed_requests).where(pushed_requests.c.uri_hash == uri_hash, alive)
        with self._database.read() as connection:
            row = connection.execute(found).one_or_none()
        return (
            Pushed(row.client_id, [(name, value) for name, value in json.loads(row.parameters)])
            if row
            else None
        )

    def take(self, uri_hash: bytes) -> bool:
        """Forget a request; tell whether it was there until now."""
        condition = pushed_requests.c.uri_hash == uri_hash
        with self._database.write() as connection:
            return connection.execute(delete(pushed_requests).where(condition)).rowcount == 1
