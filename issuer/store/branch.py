"""Branches: tables with a history of migrations of their own, the core's and each module's.

Every branch has its own version table. So a module that is switched off later leaves the others alone, and
the database never looks newer than the program.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import ColumnElement, Connection, MetaData, Table, Text, column, inspect, select, table

from issuer.store import tables
from issuer.store.database import Database

Expired = Callable[[float], Mapping[Table, ColumnElement[bool]]]
"""Which rows have expired at a time (seconds since 1970), for every table where rows do."""


def _nothing(_now: float) -> Mapping[Table, ColumnElement[bool]]:
    return {}


@dataclass(frozen=True, slots=True)
class Tables:
    """The tables of one kind of module; `modules.livekit` has an example.

    Args:
        name: the module's name; the names of all its tables begin with it and an underscore.
        metadata: the tables, as the code of this version knows them with `NAMING` of `issuer.store.tables`.
        migrations: the folder of the Alembic scripts that make them.
        head: the newest of these scripts, known without importing Alembic.
        expired: which rows the housekeeper removes.
    """

    name: str
    metadata: MetaData
    migrations: Path
    head: str
    expired: Expired = _nothing

    @property
    def version_table(self) -> str:
        """Return the name of the table that says which migrations were done."""
        return f"alembic_version_{self.name}" if self.name else "alembic_version"

    def named(self, revision: str) -> str:
        """Return how people read a revision of this branch."""
        return f"{self.name} {revision}".strip()


CORE = Tables("", tables.metadata, Path(__file__).parent / "migrations/versions", tables.HEAD)
"""The branch of the core; its rows are purged by `issuer.store.purge`."""


def outdated(database: Database, branches: Iterable[Tables]) -> dict[Tables, set[str]]:
    """Return the branches that are not at their head, with the revisions that the database has of each."""
    with database.read() as connection:
        found = {branch: _revisions(connection, branch) for branch in branches}
    return {branch: revisions for branch, revisions in found.items() if branch.head not in revisions}


def _revisions(connection: Connection, branch: Tables) -> set[str]:
    if not inspect(connection).has_table(branch.version_table):
        return set()
    versions = table(branch.version_table, column("version_num", Text))
    return set(connection.scalars(select(versions.c.version_num)))
