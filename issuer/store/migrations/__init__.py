"""Alembic's directory: `env.py` and the versions."""
