"""The store as others hold it."""

from collections.abc import Iterable
from typing import Self

from issuer.store.branch import CORE, Tables, outdated
from issuer.store.database import LONGEST_WAIT, Database
from issuer.store.errors import StoreError
from issuer.store.purge import expired_in_core, purge, shrink, size
from issuer.store.repositories.attempts import Attempts, KnownBrowsers
from issuer.store.repositories.claims import UidClaims
from issuer.store.repositories.issuances import Issuances
from issuer.store.repositories.pending_steps import PendingSteps
from issuer.store.repositories.second_factors import SecondFactors
from issuer.store.repositories.sessions import Sessions
from issuer.store.repositories.upstream_grants import UpstreamGrants
from issuer.store.repositories.users import Users
from issuer.world import Clock

RETENTION = 90 * 86400.0


class Store:
    """One database with its repositories. Not to be carried across a fork."""

    def __init__(
        self, database: Database, clock: Clock, issuance_retention: float, tables: Iterable[Tables]
    ) -> None:
        """Put the repositories on a database."""
        self.database = database
        """For the repositories of modules."""
        self._branches = (CORE, *tables)
        self._clock = clock
        self._retention = issuance_retention
        self.users = Users(database)
        self.sessions = Sessions(database, clock)
        self.attempts = Attempts(database, clock)
        self.browsers = KnownBrowsers(database, clock)
        self.issuances = Issuances(database)
        self.claims = UidClaims(database)
        self.second_factors = SecondFactors(database)
        self.pending_steps = PendingSteps(database, clock)
        self.upstream_grants = UpstreamGrants(database, clock)

    @classmethod
    def open(
        cls,
        url: str,
        clock: Clock,
        issuance_retention: float = RETENTION,
        tables: Iterable[Tables] = (),
        longest_wait: float = LONGEST_WAIT,
    ) -> Self:
        """Open a store by its URL; the first call to it connects.

        Args:
            url: `sqlite:////path/to/file` or `postgresql://user:password@host/database`.
            clock: tells what has expired.
            issuance_retention: how many seconds an issuance is kept after its token expired.
            tables: the tables of the modules that are enabled.
            longest_wait: seconds for which a request waits for the database.

        Raises:
            StoreError: the URL names no database that can be a store.
        """
        return cls(Database(url, clock, longest_wait), clock, issuance_retention, tables)

    def migrate(self) -> None:
        """Bring the tables to this version; many processes may do so at once.

        Raises:
            StoreError: the database cannot be used, or a newer version has migrated it.
        """
        self.database.prepare()
        if missing := outdated(self.database, self._branches):
            from issuer.store.migration import upgrade  # noqa: PLC0415 - Alembic costs 0.2 s and some 15 MB

            upgrade(self.database, missing)

    def check(self) -> None:
        """Ask the database whether it is there, migrated, and can be written.

        Raises:
            StoreError: it is not.
        """
        for branch, found in outdated(self.database, self._branches).items():
            has = ", ".join(map(branch.named, sorted(found))) or "none"
            needs = branch.named(branch.head)
            raise StoreError(f"the database has schema {has}, and this version needs {needs}: migrate it")
        self.database.check_writable()

    def purge(self, limit: int = 500) -> int:
        """Delete one small batch of what has expired, in every table; return how many rows that were."""
        now = self._clock.now()
        expired = expired_in_core(now, self._retention)
        for branch in self._branches:
            expired |= branch.expired(now)
        return purge(self.database, expired, limit)

    def shrink(self, pages: int) -> bool:
        """Give a few pages that nobody needs back to the file system; tell whether there are more."""
        return shrink(self.database, pages)

    def size(self) -> int:
        """Return how many bytes the database has, without its log."""
        return size(self.database)

    def close(self) -> None:
        """Commit what is to be written later, and close every connection."""
        self.issuances.settle()
        self.database.close()
