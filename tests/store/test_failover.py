"""Two real servers of PostgreSQL: one writes, the other follows, and takes its place."""

import signal
import time
from collections.abc import Iterator

import psycopg
import pytest

from issuer.store import Store, StoreError
from tests.fakes import FakeClock
from tests.postgresql import PostgreSQL, running_server, standby_of
from tests.store.samples import id_hash, session, user

PATIENCE = 60.0


@pytest.fixture
def primary(programs: None) -> Iterator[PostgreSQL]:
    with running_server(synchronous_commit="on") as server:  # or what was committed last is not sent yet
        yield server


@pytest.fixture
def standby(primary: PostgreSQL) -> Iterator[PostgreSQL]:
    with standby_of(primary) as server:
        yield server


def wait_until_followed(primary: PostgreSQL, standby: PostgreSQL) -> None:
    deadline = time.monotonic() + PATIENCE
    with (
        psycopg.connect(primary.url("postgres"), autocommit=True) as ahead,
        psycopg.connect(standby.url("postgres"), autocommit=True) as behind,
    ):
        row = ahead.execute("SELECT pg_current_wal_flush_lsn()").fetchone()
        assert row
        has_it = "SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn"
        while behind.execute(has_it, row).fetchone() != (True,):
            assert time.monotonic() < deadline, "the standby does not follow"
            time.sleep(0.01)


def store_of_both(primary: PostgreSQL, standby: PostgreSQL, clock: FakeClock) -> Store:
    hosts = f"host={standby.directory}&host={primary.directory}"
    store = Store.open(f"postgresql://issuer@/postgres?{hosts}&target_session_attrs=read-write", clock)
    store.migrate()
    return store


def test_after_a_failover_the_other_server_is_used(
    primary: PostgreSQL, standby: PostgreSQL, clock: FakeClock
) -> None:
    store = store_of_both(primary, standby, clock)
    store.sessions.add(session())
    store.check()
    wait_until_followed(primary, standby)
    primary.stop(signal.SIGQUIT)
    with pytest.raises(StoreError):
        store.check()
    with pytest.raises(StoreError):
        store.sessions.add(session("two"))
    with psycopg.connect(standby.url("postgres"), autocommit=True) as connection:
        connection.execute("SELECT pg_promote()")
    store.check()
    assert store.sessions.get(id_hash("one")) == session()
    store.sessions.add(session("two"))
    store.users.add(user())
    store.close()


def test_connections_to_a_server_that_can_only_read_now_are_replaced(
    primary: PostgreSQL, standby: PostgreSQL, clock: FakeClock
) -> None:
    """A switchover: the server that could write is a standby now, and its connections live on."""
    store = store_of_both(primary, standby, clock)
    store.users.add(user())
    store.sessions.add(session())
    wait_until_followed(primary, standby)
    with psycopg.connect(primary.url("postgres"), autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET default_transaction_read_only = on")
        connection.execute("SELECT pg_reload_conf()")
    with psycopg.connect(standby.url("postgres"), autocommit=True) as connection:
        connection.execute("SELECT pg_promote()")
    store.sessions.add(session("two"))
    store.users.remove(user().id)
    assert store.users.all() == []
    store.check()
    with psycopg.connect(standby.url("postgres")) as connection:
        assert connection.execute("SELECT count(*) FROM sessions").fetchone() == (2,)
    store.close()
