"""Migrating the database with Alembic. Imported only when there is something to migrate."""

from collections.abc import Iterable
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from issuer.store.branch import Tables
from issuer.store.database import Database
from issuer.store.errors import StoreError

SCRIPTS = Path(__file__).parent / "migrations"
LOCK = 0x6973737565723031
"""The number that machines agree on when they migrate one PostgreSQL database."""


def upgrade(database: Database, branches: Iterable[Tables]) -> None:
    """Bring branches of migrations to their heads, in one transaction that nobody can share."""
    with database.write_without_end() as connection:
        if not database.is_sqlite:
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
        for branch in branches:
            _refuse_newer(connection, branch)
            config = alembic_config(branch)
            config.attributes["connection"] = connection
            command.upgrade(config, "heads")


def alembic_config(branch: Tables) -> Config:
    """Return Alembic's configuration for a branch: there is no file."""
    config = Config(attributes={"branch": branch})
    config.set_main_option("path_separator", "newline")
    for option, folder in (("script_location", SCRIPTS), ("version_locations", branch.migrations)):
        config.set_main_option(option, str(folder).replace("%", "%%"))
    return config


def _refuse_newer(connection: Connection, branch: Tables) -> None:
    scripts = ScriptDirectory.from_config(alembic_config(branch))
    known = {script.revision for script in scripts.walk_revisions()}
    context = MigrationContext.configure(connection, opts={"version_table": branch.version_table})
    unknown = set(context.get_current_heads()) - known
    if unknown:
        names = ", ".join(branch.named(revision) for revision in sorted(unknown))
        raise StoreError(
            f"the database was migrated by a newer version (schema {names}): install that version again, "
            "or restore the backup from before"
        )
