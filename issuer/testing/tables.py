"""Whether migrations make the tables that the code knows."""

from typing import Any

from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from issuer.store import Tables
from issuer.store.migration import alembic_config


def differences(connection: Connection, tables: Tables) -> list[Any]:
    """Return what differs between the tables of a migrated database and those that the code knows."""

    def is_ours(name: str | None, kind: str, _: object) -> bool:
        return kind != "table" or not tables.name or str(name).startswith(f"{tables.name}_")

    options = {"compare_type": True, "include_name": is_ours, "version_table": tables.version_table}
    found: list[Any] = compare_metadata(MigrationContext.configure(connection, opts=options), tables.metadata)
    return found


def newest(tables: Tables) -> list[str]:
    """Return the newest of the migrations: one, unless a history has two ends."""
    return list(ScriptDirectory.from_config(alembic_config(tables)).get_heads())
