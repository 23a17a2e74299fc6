"""Waits until somebody waits: for tests that need two transactions in each other's way."""

import time

import psycopg

from issuer.store.database import Database

PATIENCE = 60.0
WAITING = (
    "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
)


def wait_for_somebody_who_waits(database: Database) -> None:
    """Return when a transaction of a PostgreSQL database waits for a lock of another; at once on SQLite.

    There a writer waits before it begins, so nothing can be in the way.
    """
    if database.is_sqlite:
        return
    url = database.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    deadline = time.monotonic() + PATIENCE
    with psycopg.connect(url, autocommit=True) as connection:
        while True:
            row = connection.execute(WAITING).fetchone()
            if row and row[0]:
                return
            assert time.monotonic() < deadline, "nobody waits for a lock"
            time.sleep(0.01)
