"""Sessions know when the person signed in, which may have been at another server, long before."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; until now, a sign-in counted as made when its session began."""
    op.add_column("sessions", sa.Column("auth_time", sa.Double(), nullable=False, server_default="0"))
    op.execute("UPDATE sessions SET auth_time = created_at")
