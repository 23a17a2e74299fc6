"""People can be read again at the server that signed them in."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "upstream_grants",
        sa.Column("id", sa.LargeBinary(), nullable=False),
        sa.Column("backend", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("sealed", sa.LargeBinary()),
        sa.Column("asked_at", sa.Double(), nullable=False),
        sa.Column("busy_until", sa.Double(), nullable=False),
        sa.Column("expires_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_upstream_grants"),
    )
    op.create_index("ix_upstream_grants_backend_subject", "upstream_grants", ["backend", "subject"])
    op.create_index("ix_upstream_grants_expires_at", "upstream_grants", ["expires_at"])
