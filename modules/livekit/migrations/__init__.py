"""The migrations of LiveKit's tables, run by Alembic."""
