"""Clients, grants with their codes and refresh tokens, consents, and what is used once."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the first tables."""
    _clients()
    _grants()
    _tokens()
    _consents()
    _used_once()
    _device_codes()
    _logouts()


def _clients() -> None:
    op.create_table(
        "oidc_clients",
        sa.Column("instance", sa.Text(), nullable=False),
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("settings", sa.Text(), nullable=False),
        sa.Column("secret_hash", sa.LargeBinary()),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("changed_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("instance", "client_id", name="pk_oidc_clients"),
    )


def _grants() -> None:
    op.create_table(
        "oidc_grants",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("instance", sa.Text(), nullable=False),
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("backend", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("uid", sa.Text(), nullable=False),
        sa.Column("attributes", sa.Text(), nullable=False),
        sa.Column("groups", sa.Text(), nullable=False),
        sa.Column("auth_level", sa.Integer(), nullable=False),
        sa.Column("macros", sa.Text(), nullable=False),
        sa.Column("session", sa.LargeBinary()),
        sa.Column("auth_time", sa.Double(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("details", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("expires_at", sa.Double(), nullable=False),
        sa.Column("revoked_at", sa.Double()),
        sa.Column("code_hash", sa.LargeBinary()),
        sa.Column("code_expires_at", sa.Double()),
        sa.Column("code_used_at", sa.Double()),
        sa.PrimaryKeyConstraint("id", name="pk_oidc_grants"),
        sa.UniqueConstraint("code_hash", name="uq_oidc_grants_code_hash"),
    )
    op.create_index("ix_oidc_grants_session", "oidc_grants", ["session"])
    op.create_index("ix_oidc_grants_expires_at", "oidc_grants", ["expires_at"])
    op.create_index("ix_oidc_grants_backend_subject", "oidc_grants", ["backend", "subject"])


def _tokens() -> None:
    op.create_table(
        "oidc_refresh_tokens",
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("grant_id", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.Double(), nullable=False),
        sa.Column("used_at", sa.Double()),
        sa.PrimaryKeyConstraint("token_hash", name="pk_oidc_refresh_tokens"),
    )
    op.create_index("ix_oidc_refresh_tokens_expires_at", "oidc_refresh_tokens", ["expires_at"])
    op.create_table(
        "oidc_revoked_tokens",
        sa.Column("token_id", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("token_id", name="pk_oidc_revoked_tokens"),
    )
    op.create_index("ix_oidc_revoked_tokens_expires_at", "oidc_revoked_tokens", ["expires_at"])


def _consents() -> None:
    op.create_table(
        "oidc_consents",
        sa.Column("instance", sa.Text(), nullable=False),
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("backend", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("given_at", sa.Double(), nullable=False),
        sa.Column("expires_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("instance", "client_id", "backend", "subject", name="pk_oidc_consents"),
    )
    op.create_index("ix_oidc_consents_expires_at", "oidc_consents", ["expires_at"])


def _used_once() -> None:
    op.create_table(
        "oidc_used_once",
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("hash", name="pk_oidc_used_once"),
    )
    op.create_index("ix_oidc_used_once_expires_at", "oidc_used_once", ["expires_at"])
    op.create_table(
        "oidc_pushed_requests",
        sa.Column("uri_hash", sa.LargeBinary(), nullable=False),
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("parameters", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("expires_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("uri_hash", name="pk_oidc_pushed_requests"),
    )
    op.create_index("ix_oidc_pushed_requests_expires_at", "oidc_pushed_requests", ["expires_at"])


def _device_codes() -> None:
    op.create_table(
        "oidc_device_codes",
        sa.Column("device_hash", sa.LargeBinary(), nullable=False),
        sa.Column("user_hash", sa.LargeBinary(), nullable=False),
        sa.Column("instance", sa.Text(), nullable=False),
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("resources", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("expires_at", sa.Double(), nullable=False),
        sa.Column("polled_at", sa.Double(), nullable=False),
        sa.Column("interval", sa.Double(), nullable=False),
        sa.Column("grant_id", sa.Text()),
        sa.Column("denied", sa.Boolean(), nullable=False),
        sa.Column("used_at", sa.Double()),
        sa.PrimaryKeyConstraint("device_hash", name="pk_oidc_device_codes"),
        sa.UniqueConstraint("user_hash", name="uq_oidc_device_codes_user_hash"),
    )
    op.create_index("ix_oidc_device_codes_expires_at", "oidc_device_codes", ["expires_at"])


def _logouts() -> None:
    op.create_table(
        "oidc_logouts",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("instance", sa.Text(), nullable=False),
        sa.Column("grant_id", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_at", sa.Double(), nullable=False),
        sa.Column("expires_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_oidc_logouts"),
    )
    op.create_index("ix_oidc_logouts_next_at", "oidc_logouts", ["next_at"])
    op.create_index("ix_oidc_logouts_expires_at", "oidc_logouts", ["expires_at"])
