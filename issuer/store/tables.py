"""The tables as the code of this version knows them. The migrations make them; a test compares the two.

Every index is paid for at each insert: there is one only where a request or the purge needs it.
"""

from sqlalchemy import Boolean, Column, Double, Index, Integer, LargeBinary, MetaData, Table, Text, text

HEAD = "0006"
"""The newest migration, known without importing Alembic."""

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}
"""How indexes and constraints are named, in the tables of modules too."""

metadata = MetaData(naming_convention=NAMING)

HAS_SID = text("upstream_sid IS NOT NULL")
"""Only the sessions that another server can end are in the index of its names for them."""

users = Table(
    "users",
    metadata,
    Column("id", Text, primary_key=True),
    Column("uid", Text, nullable=False, unique=True),
    Column("password_hash", Text, nullable=False),
    Column("attributes", Text, nullable=False),
    Column("groups", Text, nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("changed_at", Double, nullable=False),
)

sessions = Table(
    "sessions",
    metadata,
    Column("id_hash", LargeBinary, primary_key=True),
    Column("backend", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("uid", Text, nullable=False),
    Column("attributes", Text, nullable=False),
    Column("groups", Text, nullable=False),
    Column("auth_level", Integer, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("seen_at", Double, nullable=False),
    Column("expires_at", Double, nullable=False, index=True),
    Column("idle_expires_at", Double, nullable=False, index=True),
    Column("address", Text, nullable=False),
    Column("user_agent", Text, nullable=False),
    Column("macros", Text, nullable=False, server_default="{}"),
    Column("refreshed_at", Double, nullable=False, server_default="0"),
    Column("upstream_sid", Text),
    Column("auth_time", Double, nullable=False, server_default="0"),
    Index(None, "backend", "subject"),
    Index(None, "backend", "upstream_sid", sqlite_where=HAS_SID, postgresql_where=HAS_SID),
)

uid_claims = Table(
    "uid_claims",
    metadata,
    Column("uid_hash", LargeBinary, primary_key=True),
    Column("backend", Text, primary_key=True),
    Column("subject", Text, nullable=False),
    Column("uid", Text, nullable=False),
    Column("claimed_at", Double, nullable=False),
)

attempts = Table(
    "attempts",
    metadata,
    Column("bucket_hash", LargeBinary, primary_key=True),
    Column("count", Integer, nullable=False),
    Column("blocked_until", Double, nullable=False),
    Column("forget_at", Double, nullable=False, index=True),
)

known_browsers = Table(
    "known_browsers",
    metadata,
    Column("account_hash", LargeBinary, primary_key=True),
    Column("token_hash", LargeBinary, primary_key=True),
    Column("expires_at", Double, nullable=False, index=True),
)

second_factors = Table(
    "second_factors",
    metadata,
    Column("backend", Text, primary_key=True),
    Column("subject", Text, primary_key=True),
    Column("uid", Text, nullable=False),
    Column("secret", LargeBinary, nullable=False),
    Column("last_step", Integer, nullable=False),
    Column("created_at", Double, nullable=False),
)

recovery_codes = Table(
    "recovery_codes",
    metadata,
    Column("backend", Text, primary_key=True),
    Column("subject", Text, primary_key=True),
    Column("code_hash", LargeBinary, primary_key=True),
)

pending_steps = Table(
    "pending_steps",
    metadata,
    Column("id_hash", LargeBinary, primary_key=True),
    Column("backend", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("content", Text, nullable=False),
    Column("expires_at", Double, nullable=False, index=True),
)

upstream_grants = Table(
    "upstream_grants",
    metadata,
    Column("id", LargeBinary, primary_key=True),
    Column("backend", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("sealed", LargeBinary),
    Column("asked_at", Double, nullable=False),
    Column("busy_until", Double, nullable=False),
    Column("expires_at", Double, nullable=False, index=True),
    Index(None, "backend", "subject"),
)

issuances = Table(
    "issuances",
    metadata,
    Column("token_id", Text, primary_key=True),
    Column("issued_at", Double, nullable=False, index=True),
    Column("expires_at", Double, nullable=False),
    Column("instance", Text, nullable=False),
    Column("module", Text, nullable=False),
    Column("backend", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("uid", Text, nullable=False),
    Column("room", Text),
    Column("tenant", Text),
    Column("scene", Text),
    Column("event", Text),
    Column("identity", Text),
    Column("kid", Text),
    Column("address", Text),
    Index(None, "uid", "issued_at"),
)

commits = Table(
    "commits",
    metadata,
    Column("id", LargeBinary, primary_key=True),
    Column("happened", Boolean, nullable=False),
)
"""The marks of transactions on PostgreSQL: see `issuer.store.fast.commits`."""
