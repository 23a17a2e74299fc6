"""Who waits for the database, and for how long."""

import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread

import psycopg
import pytest

from issuer.store import Store, StoreError
from tests.fakes import FakeClock
from tests.faults.silence import SilentProxy, silent_proxy
from tests.postgresql import PostgreSQL
from tests.store.samples import user
from tests.store.test_processes import hammer

PATIENCE = 60.0
WAIT = 1.0


def until(works: Callable[[], object]) -> None:
    """Try until the store takes it."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            works()
        except StoreError:
            assert time.monotonic() < deadline, "the store did not come back"
            time.sleep(0.02)
        else:
            return


@contextmanager
def opened(url: str) -> Iterator[Store]:
    store = Store.open(url, FakeClock(), longest_wait=WAIT)
    store.migrate()
    yield store
    store.close()


@pytest.fixture
def store(sqlite_url: str) -> Iterator[Store]:
    with opened(sqlite_url) as store:
        yield store


@pytest.fixture
def shell(store: Store, sqlite_url: str) -> Iterator[sqlite3.Connection]:
    """Another program with the file."""
    assert store
    shell = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), timeout=PATIENCE, isolation_level=None)
    yield shell
    shell.close()


@pytest.fixture
def proxy(postgresql: PostgreSQL) -> Iterator[SilentProxy]:
    with silent_proxy(postgresql.directory / ".s.PGSQL.5432") as proxy:
        yield proxy


def add(store: Store, uid: str = "dwho") -> None:
    store.users.add(user(uid))


def refusals(store: Store, count: int) -> list[str]:
    """What so many writers hear who come at once."""
    heard: list[str] = []

    def write() -> None:
        with pytest.raises(StoreError) as caught:
            add(store)
        heard.append(str(caught.value))

    threads = [Thread(target=write) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    return heard


def test_a_locked_file_is_waited_for_once_and_read_meanwhile(
    store: Store, shell: sqlite3.Connection, caplog: pytest.LogCaptureFixture
) -> None:
    add(store)
    shell.execute("BEGIN IMMEDIATE")
    assert len(refusals(store, 20)) == 20
    (later,) = refusals(store, 1)
    assert "nobody waits" in later
    assert "another program keeps the SQLite file locked" in later
    assert store.users.all() == [user()]
    shell.execute("ROLLBACK")
    until(lambda: add(store, "second"))
    assert [record.levelname for record in caplog.records if "tried again" in record.message] == ["ERROR"]
    assert "answers again" in caplog.text


def test_the_turn_of_a_stopped_process_is_not_waited_for_without_end(
    store: Store, sqlite_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    with hammer("hold", sqlite_url) as process:
        assert process.stdout
        assert process.stdin
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGSTOP)
        assert len(refusals(store, 5)) == 5
        assert "another process of the service" in caplog.text
        process.send_signal(signal.SIGCONT)
        process.stdin.write("go\n")
        process.stdin.close()
        assert process.wait(PATIENCE) == 0
    until(lambda: add(store))


def test_a_turn_that_comes_too_late_is_given_back(store: Store, sqlite_url: str) -> None:
    """A thread waits on for a writer that left: others must not wait for that one then."""
    held, let_go = Event(), Event()

    def hold(other: Store) -> None:
        with other.database.write():
            held.set()
            assert let_go.wait(PATIENCE)

    with opened(sqlite_url) as other:
        holder = Thread(target=hold, args=[other])
        holder.start()
        assert held.wait(PATIENCE)
        assert refusals(store, 1)
        store.close()
        let_go.set()
        holder.join(PATIENCE)
        until(lambda: add(other))


def test_a_thread_that_hangs_in_its_turn_holds_nobody(store: Store) -> None:
    held, let_go = Event(), Event()

    def hold() -> None:
        with store.database.write():
            held.set()
            assert let_go.wait(PATIENCE)

    holder = Thread(target=hold)
    holder.start()
    assert held.wait(PATIENCE)
    assert len(refusals(store, 5)) == 5
    assert "nobody waits" in refusals(store, 1)[0]
    let_go.set()
    holder.join(PATIENCE)
    until(lambda: add(store))


def busy_timeout(cursor: sqlite3.Cursor) -> int:
    ((found,),) = cursor.execute("PRAGMA busy_timeout").fetchall()
    return int(found)


def test_sqlite_waits_for_what_is_left_of_the_time(store: Store, shell: sqlite3.Connection) -> None:
    refused = Event()

    def write() -> None:
        with pytest.raises(StoreError, match="keeps the SQLite file locked"):
            add(store)
        refused.set()

    assert store.database.transact(busy_timeout) == WAIT * 1000
    writer = Thread(target=write)
    with store.database.turn:
        writer.start()
        time.sleep(WAIT / 2)
        shell.execute("BEGIN IMMEDIATE")
    writer.join(PATIENCE)
    assert refused.is_set()
    shell.execute("ROLLBACK")
    until(lambda: add(store))
    assert store.database.transact(busy_timeout) == WAIT * 1000, "the next one has the whole time again"


def through(proxy: SilentProxy, url: str) -> str:
    name = url.partition("@/")[2].partition("?")[0]
    return f"postgresql://issuer@127.0.0.1:{proxy.port}/{name}"


def test_a_silent_postgresql_is_waited_for_once(
    proxy: SilentProxy, postgresql_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    with opened(through(proxy, postgresql_url)) as store:
        add(store)
        assert store.users.all() == [user()]
        proxy.fall_silent()
        assert len(refusals(store, 5)) == 5
        for _ in range(3):
            with pytest.raises(StoreError):
                store.users.all()
            with pytest.raises(StoreError):
                store.check()
        assert "nobody waits" in refusals(store, 1)[0]
        proxy.speak()
        until(lambda: add(store, "second"))
        assert len(store.users.all()) == 2
    assert "PostgreSQL has not answered for 1.0 s" in caplog.text


def test_a_new_connection_to_a_silent_postgresql_is_not_waited_for_without_end(
    proxy: SilentProxy, postgresql_url: str
) -> None:
    with opened(through(proxy, postgresql_url)) as store:
        store.database.kept.close()
        store.database.engine.dispose()
        proxy.fall_silent()
        with pytest.raises(StoreError, match="connection timeout"):
            store.users.all()
        assert "nobody waits" in refusals(store, 1)[0]
        proxy.speak()
        until(lambda: add(store))


def test_a_locked_table_keeps_only_its_own_writers(
    postgresql_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    with opened(postgresql_url) as store, psycopg.connect(postgresql_url) as other:
        other.execute("LOCK TABLE users IN ACCESS EXCLUSIVE MODE")
        assert all("lock timeout" in text for text in refusals(store, 3))
        store.attempts.clear("somebody")
        assert "nobody waits" not in caplog.text
        other.rollback()
        add(store)


NAMES = ("lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout")


@pytest.mark.parametrize(
    ("options", "found"),
    [("", ["800ms", "900ms", "2s"]), ("&options=-cstatement_timeout%3D7s", ["800ms", "7s", "2s"])],
)
def test_postgresql_gives_up_by_itself_a_little_earlier(
    postgresql_url: str, options: str, found: list[str]
) -> None:
    with opened(postgresql_url + options) as store, store.database.read() as connection:
        shown = [connection.exec_driver_sql(f"SHOW {name}").scalar_one() for name in NAMES]
        assert shown == found


def test_who_stops_in_a_transaction_lets_others_go_on(postgresql_url: str) -> None:
    def hang(store: Store, other: Store) -> None:
        with store.database.write() as connection:
            connection.exec_driver_sql("SELECT * FROM users FOR UPDATE")
            until(lambda: other.users.remove("id-of-dwho"))
            connection.exec_driver_sql("SELECT 1")

    with opened(postgresql_url) as store, opened(postgresql_url) as other:
        add(store)
        with pytest.raises(StoreError):
            hang(store, other)
        assert store.users.all() == []


def test_a_migration_has_all_the_time(postgresql_url: str) -> None:
    with opened(postgresql_url) as store, store.database.write_without_end() as connection:
        shown = [connection.exec_driver_sql(f"SHOW {name}").scalar_one() for name in NAMES]
        connection.exec_driver_sql(f"SELECT pg_sleep({WAIT * 1.2})")
        assert shown == ["0", "0", "0"]
