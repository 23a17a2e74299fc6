"""Migrating the database with Alembic. Imported only when there is something to migrate."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from issuer.store.database import Database
from issuer.store.errors import StoreError

LOCK = 0x6973737565723031
"""The number that machines agree on when they migrate one PostgreSQL database."""


def upgrade(database: Database) -> None:
    """Bring every branch of migrations to its head, in one transaction that nobody can share."""
    config = alembic_config()
    with database.write() as connection:
        if not database.is_sqlite:
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
        _refuse_newer(connection, ScriptDirectory.from_config(config))
        config.attributes["connection"] = connection
        command.upgrade(config, "heads")


def alembic_config() -> Config:
    """Return Alembic's configuration: the scripts are in this package, and there is no file."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def _refuse_newer(connection: Connection, scripts: ScriptDirectory) -> None:
    known = {script.revision for script in scripts.walk_revisions()}
    unknown = set(MigrationContext.configure(connection).get_current_heads()) - known
    if unknown:
        names = ", ".join(sorted(unknown))
        raise StoreError(
            f"the database was migrated by a newer version (schema {names}): install that version again, "
            "or restore the backup from before"
        )
