"""The store as others hold it."""

from typing import Self

from sqlalchemy import inspect, text

from issuer.store.attempts import Attempts
from issuer.store.browsers import KnownBrowsers
from issuer.store.database import Database
from issuer.store.errors import StoreError
from issuer.store.issuances import Issuances
from issuer.store.purge import purge
from issuer.store.sessions import Sessions
from issuer.store.tables import HEAD
from issuer.store.users import Users
from issuer.world import Clock

RETENTION = 90 * 86400.0


class Store:
    """One database with its repositories. Not to be carried across a fork."""

    def __init__(self, database: Database, clock: Clock, issuance_retention: float) -> None:
        """Put the repositories on a database."""
        self._database = database
        self._clock = clock
        self._retention = issuance_retention
        self.users = Users(database)
        self.sessions = Sessions(database, clock)
        self.attempts = Attempts(database, clock)
        self.browsers = KnownBrowsers(database, clock)
        self.issuances = Issuances(database)

    @classmethod
    def open(cls, url: str, clock: Clock, issuance_retention: float = RETENTION) -> Self:
        """Open a store by its URL; the first call to it connects.

        Args:
            url: `sqlite:////path/to/file` or `postgresql://user:password@host/database`.
            clock: tells what has expired.
            issuance_retention: how many seconds an issuance is kept after its token expired.

        Raises:
            StoreError: the URL names no database that can be a store.
        """
        return cls(Database(url), clock, issuance_retention)

    def migrate(self) -> None:
        """Bring the tables to this version; many processes may do so at once.

        Raises:
            StoreError: the database cannot be used, or a newer version has migrated it.
        """
        self._database.prepare()
        if HEAD in self._revisions():
            return
        from issuer.store.migration import upgrade  # noqa: PLC0415 - Alembic costs 0.2 s and some 15 MB

        upgrade(self._database)

    def check(self) -> None:
        """Ask the database whether it is there and migrated.

        Raises:
            StoreError: it is not.
        """
        found = self._revisions()
        if HEAD not in found:
            has = ", ".join(sorted(found)) or "none"
            raise StoreError(f"the database has schema {has}, and this version needs {HEAD}: migrate it")

    def _revisions(self) -> set[str]:
        with self._database.read() as connection:
            if not inspect(connection).has_table("alembic_version"):
                return set()
            return set(connection.scalars(text("SELECT version_num FROM alembic_version")))

    def purge(self, limit: int = 500) -> int:
        """Delete one small batch of what has expired, in every table; return how many rows that were."""
        return purge(self._database, self._clock.now(), self._retention, limit)

    def close(self) -> None:
        """Close every connection."""
        self._database.close()
