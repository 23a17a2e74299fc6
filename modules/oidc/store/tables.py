"""The module's tables. No code, token or secret is in them, only their SHA-256."""

from collections.abc import Mapping
from pathlib import Path

from sqlalchemy import (
    Boolean,
    Column,
    ColumnElement,
    Double,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
)

from issuer.store import Tables
from issuer.store.tables import NAMING

HEAD = "0001"
"""The newest migration, known without importing Alembic."""

metadata = MetaData(naming_convention=NAMING)

clients = Table(
    "oidc_clients",
    metadata,
    Column("instance", Text, primary_key=True),
    Column("client_id", Text, primary_key=True),
    Column("settings", Text, nullable=False),
    Column("secret_hash", LargeBinary),
    Column("created_at", Double, nullable=False),
    Column("changed_at", Double, nullable=False),
)

grants = Table(
    "oidc_grants",
    metadata,
    Column("id", Text, primary_key=True),
    Column("instance", Text, nullable=False),
    Column("client_id", Text, nullable=False),
    Column("backend", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("uid", Text, nullable=False),
    Column("attributes", Text, nullable=False),
    Column("groups", Text, nullable=False),
    Column("auth_level", Integer, nullable=False),
    Column("macros", Text, nullable=False),
    Column("session", LargeBinary, index=True),
    Column("auth_time", Double, nullable=False),
    Column("scope", Text, nullable=False),
    Column("details", Text, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("expires_at", Double, nullable=False, index=True),
    Column("revoked_at", Double),
    Column("code_hash", LargeBinary, unique=True),
    Column("code_expires_at", Double),
    Column("code_used_at", Double),
    Index(None, "backend", "subject"),
)

refresh_tokens = Table(
    "oidc_refresh_tokens",
    metadata,
    Column("token_hash", LargeBinary, primary_key=True),
    Column("grant_id", Text, nullable=False),
    Column("expires_at", Double, nullable=False, index=True),
    Column("used_at", Double),
)

revoked_tokens = Table(
    "oidc_revoked_tokens",
    metadata,
    Column("token_id", Text, primary_key=True),
    Column("expires_at", Double, nullable=False, index=True),
)

consents = Table(
    "oidc_consents",
    metadata,
    Column("instance", Text, primary_key=True),
    Column("client_id", Text, primary_key=True),
    Column("backend", Text, primary_key=True),
    Column("subject", Text, primary_key=True),
    Column("scope", Text, nullable=False),
    Column("given_at", Double, nullable=False),
    Column("expires_at", Double, nullable=False, index=True),
)

used_once = Table(
    "oidc_used_once",
    metadata,
    Column("hash", LargeBinary, primary_key=True),
    Column("expires_at", Double, nullable=False, index=True),
)

pushed_requests = Table(
    "oidc_pushed_requests",
    metadata,
    Column("uri_hash", LargeBinary, primary_key=True),
    Column("client_id", Text, nullable=False),
    Column("parameters", Text, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("expires_at", Double, nullable=False, index=True),
)

device_codes = Table(
    "oidc_device_codes",
    metadata,
    Column("device_hash", LargeBinary, primary_key=True),
    Column("user_hash", LargeBinary, nullable=False, unique=True),
    Column("instance", Text, nullable=False),
    Column("client_id", Text, nullable=False),
    Column("scope", Text, nullable=False),
    Column("resources", Text, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("expires_at", Double, nullable=False, index=True),
    Column("polled_at", Double, nullable=False),
    Column("interval", Double, nullable=False),
    Column("grant_id", Text),
    Column("denied", Boolean, nullable=False),
    Column("used_at", Double),
)

logouts = Table(
    "oidc_logouts",
    metadata,
    Column("id", Text, primary_key=True),
    Column("instance", Text, nullable=False),
    Column("grant_id", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_at", Double, nullable=False, index=True),
    Column("expires_at", Double, nullable=False, index=True),
)


EXPIRING = (
    grants,
    refresh_tokens,
    revoked_tokens,
    consents,
    used_once,
    pushed_requests,
    device_codes,
    logouts,
)


def expired(now: float) -> Mapping[Table, ColumnElement[bool]]:
    """Return which rows the housekeeper removes."""
    return {table: table.c.expires_at <= now for table in EXPIRING}


TABLES = Tables("oidc", metadata, Path(__file__).parent / "migrations", HEAD, expired)
