"""Jobs of delegated leave, who runs them, and webhooks that were seen."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "livekit_jobs",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("instance", sa.Text(), nullable=False),
        sa.Column("room", sa.Text(), nullable=False),
        sa.Column("identity", sa.Text(), nullable=False),
        sa.Column("server_name", sa.Text(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("timeout", sa.Double(), nullable=False),
        sa.Column("phase", sa.Text(), nullable=False),
        sa.Column("since", sa.Double(), nullable=False),
        sa.Column("restarted_at", sa.Double(), nullable=False),
        sa.Column("sid", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_livekit_jobs"),
        sa.UniqueConstraint("instance", "room", "identity", name="uq_livekit_jobs_instance_room_identity"),
    )
    op.create_index("ix_livekit_jobs_owner", "livekit_jobs", ["owner"])
    op.create_table(
        "livekit_owners",
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("instance", sa.Text(), nullable=False),
        sa.Column("lease_until", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("owner", name="pk_livekit_owners"),
    )
    op.create_table(
        "livekit_webhooks",
        sa.Column("body_hash", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("body_hash", name="pk_livekit_webhooks"),
    )
    op.create_index("ix_livekit_webhooks_expires_at", "livekit_webhooks", ["expires_at"])
