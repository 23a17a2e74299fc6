"""The tables of delegated leave."""

from collections.abc import Mapping
from pathlib import Path

from sqlalchemy import (
    Column,
    ColumnElement,
    Double,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)

from issuer.store import Tables
from issuer.store.tables import NAMING

LEFT_OVER = 86400.0
"""Seconds after its deadline for which a job is kept that nobody runs, as when its instance was removed."""

metadata = MetaData(naming_convention=NAMING)

jobs = Table(
    "livekit_jobs",
    metadata,
    Column("id", Text, primary_key=True),
    Column("instance", Text, nullable=False),
    Column("room", Text, nullable=False),
    Column("identity", Text, nullable=False),
    Column("server_name", Text, nullable=False),
    Column("sealed", LargeBinary, nullable=False),  # the delay id, encrypted
    Column("timeout", Double, nullable=False),
    Column("phase", Text, nullable=False),
    Column("since", Double, nullable=False),
    Column("restarted_at", Double, nullable=False),
    Column("sid", Text, nullable=False),
    Column("owner", Text, nullable=False, index=True),
    Column("version", Integer, nullable=False),  # counts what must not be written twice
    UniqueConstraint("instance", "room", "identity"),
)

owners = Table(
    "livekit_owners",
    metadata,
    Column("owner", Text, primary_key=True),
    Column("instance", Text, nullable=False),
    Column("lease_until", Double, nullable=False),
)

webhooks = Table(
    "livekit_webhooks",
    metadata,
    Column("body_hash", LargeBinary, primary_key=True),
    Column("expires_at", Double, nullable=False),
    Index(None, "expires_at"),
)


def _expired(now: float) -> Mapping[Table, ColumnElement[bool]]:
    return {
        jobs: jobs.c.restarted_at + jobs.c.timeout <= now - LEFT_OVER,
        webhooks: webhooks.c.expires_at <= now,
    }


TABLES = Tables(
    name="livekit",
    metadata=metadata,
    migrations=Path(__file__).parent.parent.parent / "migrations",
    head="0001",
    expired=_expired,
)
