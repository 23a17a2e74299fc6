"""Transactions leave a mark, by which one whose answer was lost is asked for."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "commits",
        sa.Column("id", sa.LargeBinary(), nullable=False),
        sa.Column("happened", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_commits"),
    )
