"""Clients that must still hear that a session has ended. They survive the end of a process."""

from dataclasses import dataclass

from sqlalchemy import delete, insert, select, update

from issuer.store import Database
from issuer.world import Clock
from modules.oidc.store.tables import logouts


@dataclass(frozen=True, slots=True)
class LogoutMessage:
    """One message to one client, about the session of a grant."""

    id: str
    grant_id: str
    attempts: int
    next_at: float


class Logouts:
    """The messages of one instance."""

    def __init__(self, database: Database, clock: Clock, instance: str) -> None:
        self._database = database
        self._clock = clock
        self._instance = instance

    def add(self, logout_id: str, grant_id: str, expires_at: float) -> None:
        """Add a message that is due now, and dropped at `expires_at` (seconds since 1970)."""
        values = {
            "id": logout_id,
            "instance": self._instance,
            "grant_id": grant_id,
            "attempts": 0,
            "next_at": self._clock.now(),
            "expires_at": expires_at,
        }
        with self._database.write() as connection:
            connection.execute(insert(logouts), values)

    def due(self, limit: int = 20) -> list[LogoutMessage]:
        """Return messages that are due, the longest waiting first."""
        condition = (logouts.c.instance == self._instance) & (logouts.c.next_at <= self._clock.now())
        found = select(logouts).where(condition).order_by(logouts.c.next_at).limit(limit)
        with self._database.read() as connection:
            rows = connection.execute(found).all()
        return [LogoutMessage(row.id, row.grant_id, row.attempts, row.next_at) for row in rows]

    def claim(self, logout: LogoutMessage, again_in: float) -> bool:
        """Take a message to deliver it, and let it be due again later; tell whether nobody else took it."""
        same = (logouts.c.id == logout.id) & (logouts.c.next_at == logout.next_at)
        values = {"attempts": logout.attempts + 1, "next_at": self._clock.now() + again_in}
        with self._database.write() as connection:
            return connection.execute(update(logouts).where(same).values(values)).rowcount == 1

    def done(self, logout: LogoutMessage) -> None:
        """Forget a message."""
        with self._database.write() as connection:
            connection.execute(delete(logouts).where(logouts.c.id == logout.id))
