"""Sessions know when they were refreshed, and what an upstream calls them; user names have owners."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

HAS_SID = sa.text("upstream_sid IS NOT NULL")


def upgrade() -> None:
    """Add the columns and the table."""
    op.add_column("sessions", sa.Column("macros", sa.Text(), nullable=False, server_default="{}"))
    op.add_column("sessions", sa.Column("refreshed_at", sa.Double(), nullable=False, server_default="0"))
    op.add_column("sessions", sa.Column("upstream_sid", sa.Text()))
    op.create_index(
        "ix_sessions_backend_upstream_sid",
        "sessions",
        ["backend", "upstream_sid"],
        sqlite_where=HAS_SID,
        postgresql_where=HAS_SID,
    )
    op.create_table(
        "uid_claims",
        sa.Column("uid_hash", sa.LargeBinary(), nullable=False),
        sa.Column("backend", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("uid", sa.Text(), nullable=False),
        sa.Column("claimed_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("uid_hash", "backend", name="pk_uid_claims"),
    )
