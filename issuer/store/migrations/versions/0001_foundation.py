"""Users, sessions, sign-in attempts, known browsers, issuances."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the first tables."""
    _users()
    _sessions()
    _sign_in()
    _issuances()


def _users() -> None:
    op.create_table(
        "users",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("uid", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("attributes", sa.Text(), nullable=False),
        sa.Column("groups", sa.Text(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("changed_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_users"),
        sa.UniqueConstraint("uid", name="uq_users_uid"),
    )


def _sessions() -> None:
    op.create_table(
        "sessions",
        sa.Column("id_hash", sa.LargeBinary(), nullable=False),
        sa.Column("backend", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("uid", sa.Text(), nullable=False),
        sa.Column("attributes", sa.Text(), nullable=False),
        sa.Column("groups", sa.Text(), nullable=False),
        sa.Column("auth_level", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("seen_at", sa.Double(), nullable=False),
        sa.Column("expires_at", sa.Double(), nullable=False),
        sa.Column("idle_expires_at", sa.Double(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("user_agent", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id_hash", name="pk_sessions"),
    )
    op.create_index("ix_sessions_backend_subject", "sessions", ["backend", "subject"])
    op.create_index("ix_sessions_expires_at", "sessions", ["expires_at"])
    op.create_index("ix_sessions_idle_expires_at", "sessions", ["idle_expires_at"])


def _sign_in() -> None:
    op.create_table(
        "attempts",
        sa.Column("bucket_hash", sa.LargeBinary(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("blocked_until", sa.Double(), nullable=False),
        sa.Column("forget_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("bucket_hash", name="pk_attempts"),
    )
    op.create_index("ix_attempts_forget_at", "attempts", ["forget_at"])
    op.create_table(
        "known_browsers",
        sa.Column("account_hash", sa.LargeBinary(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("account_hash", "token_hash", name="pk_known_browsers"),
    )
    op.create_index("ix_known_browsers_expires_at", "known_browsers", ["expires_at"])


def _issuances() -> None:
    op.create_table(
        "issuances",
        sa.Column("token_id", sa.Text(), nullable=False),
        sa.Column("issued_at", sa.Double(), nullable=False),
        sa.Column("expires_at", sa.Double(), nullable=False),
        sa.Column("instance", sa.Text(), nullable=False),
        sa.Column("module", sa.Text(), nullable=False),
        sa.Column("backend", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("uid", sa.Text(), nullable=False),
        sa.Column("room", sa.Text()),
        sa.Column("tenant", sa.Text()),
        sa.Column("scene", sa.Text()),
        sa.Column("event", sa.Text()),
        sa.Column("identity", sa.Text()),
        sa.Column("kid", sa.Text()),
        sa.Column("address", sa.Text()),
        sa.PrimaryKeyConstraint("token_id", name="pk_issuances"),
    )
    op.create_index("ix_issuances_issued_at", "issuances", ["issued_at"])
    op.create_index("ix_issuances_uid_issued_at", "issuances", ["uid", "issued_at"])
