"""People have second factors and recovery codes; browsers have steps that they have not finished."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables."""
    op.create_table(
        "second_factors",
        sa.Column("backend", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("uid", sa.Text(), nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        sa.Column("last_step", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("backend", "subject", name="pk_second_factors"),
    )
    op.create_table(
        "recovery_codes",
        sa.Column("backend", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("code_hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("backend", "subject", "code_hash", name="pk_recovery_codes"),
    )
    op.create_table(
        "pending_steps",
        sa.Column("id_hash", sa.LargeBinary(), nullable=False),
        sa.Column("backend", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id_hash", name="pk_pending_steps"),
    )
    op.create_index("ix_pending_steps_expires_at", "pending_steps", ["expires_at"])
