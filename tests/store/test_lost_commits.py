"""A COMMIT whose answer is lost is asked for before anything is done again."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest

from issuer.store import DuplicateError, IssuanceRow, Store, StoreError, UnknownCommitError
from issuer.store.fast import commits
from tests.fakes import FakeClock
from tests.faults.proxy import PATIENCE, Fault, Proxy
from tests.store.samples import id_hash, issuance, session, user

NEVER_THERE = {Fault.CUT_BEFORE, Fault.CUT_AT, Fault.DELAYED}


@pytest.fixture
def store(proxy: Proxy, postgresql_url: str, clock: FakeClock) -> Iterator[Store]:
    store = Store.open(proxy.url(postgresql_url.partition("@/")[2].partition("?")[0]), clock)
    store.migrate()
    yield store
    store.close()


@pytest.mark.parametrize("fault", Fault)
def test_the_short_way_writes_once(store: Store, proxy: Proxy, fault: Fault) -> None:
    trap = proxy.trap("INSERT INTO sessions", fault)
    store.sessions.add(session())
    assert trap.struck.is_set()
    assert store.sessions.get(id_hash("one")) == session()


@pytest.mark.parametrize("fault", Fault)
def test_a_batch_of_issuances_is_written_once_and_heard_of_once(
    store: Store, proxy: Proxy, fault: Fault
) -> None:
    heard: list[str] = []
    store.issuances.listen(lambda rows: heard.extend(row.token_id for row in rows))
    trap = proxy.trap("INSERT INTO issuances", fault)
    told: list[Exception | None] = []
    for token_id in ("t1", "t2"):
        store.issuances.record_later([issuance(token_id)], None, told.append)
    store.issuances.settle()
    assert trap.struck.is_set()
    assert told == [None, None]
    assert sorted(heard) == ["t1", "t2"]
    assert {row.token_id for row in store.issuances.search()} == {"t1", "t2"}


@pytest.mark.parametrize("fault", Fault)
def test_a_longer_transaction_is_told_as_it_went(store: Store, proxy: Proxy, fault: Fault) -> None:
    trap = proxy.trap("INSERT INTO users", fault)
    if fault in NEVER_THERE:
        with pytest.raises(StoreError) as caught:
            store.users.add(user())
        assert not isinstance(caught.value, UnknownCommitError)
        assert store.users.all() == []
        store.users.add(user())
    else:
        store.users.add(user())
    assert trap.struck.is_set()
    assert store.users.all() == [user()]


def test_what_waits_for_a_commit_hears_of_it(store: Store, proxy: Proxy) -> None:
    for fault in (Fault.LOST, Fault.CUT_AT):
        heard: list[str] = []
        proxy.trap("INSERT INTO users", fault)
        try:
            with store.database.write():
                store.users.add(user(fault))
                store.database.after_commit(lambda heard=heard: heard.append("committed"))  # type: ignore[misc]
        except StoreError:
            heard.append("failed")
        assert heard == [{Fault.LOST: "committed", Fault.CUT_AT: "failed"}[fault]]


def test_what_nobody_can_say_is_unknown(
    store: Store, proxy: Proxy, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(commits, "PATIENCE", 0.0)
    proxy.trap("INSERT INTO issuances", Fault.LOST, then=proxy.close)
    with pytest.raises(UnknownCommitError, match="whether it happened is unknown") as caught:
        store.issuances.record(issuance("t1"))
    assert caught.value.status == 503
    assert "Retry-After" in caught.value.headers
    assert "whether it happened is unknown" in caplog.text


def test_what_was_written_after_all_is_heard_of_when_the_database_answers(
    store: Store, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[str] = []
    store.issuances.listen(lambda rows: heard.extend(row.token_id for row in rows))
    for token_id, fault in (("t1", Fault.LOST), ("t2", Fault.DELAYED)):
        with monkeypatch.context() as patch:
            patch.setattr(commits, "PATIENCE", 0.0)
            patch.setattr(commits, "_answer", silence)
            proxy.trap("INSERT INTO issuances", fault)
            with pytest.raises(UnknownCommitError):
                store.issuances.record(issuance(token_id))
    assert heard == []
    store.issuances.record(issuance("t3"))
    assert sorted(heard) == sorted(row.token_id for row in store.issuances.search())
    assert heard[:1] == ["t1"]


def silence(*_: object) -> bool:
    raise psycopg.OperationalError("no answer")


def test_a_commit_that_is_still_on_its_way_comes_too_late(
    store: Store, proxy: Proxy, postgresql_url: str
) -> None:
    proxy.trap("INSERT INTO users", Fault.DELAYED)
    with pytest.raises(StoreError, match="nothing was written"):
        store.users.add(user())
    marks = "SELECT happened FROM commits ORDER BY id DESC LIMIT 1"
    with psycopg.connect(postgresql_url, autocommit=True) as connection:
        assert connection.execute(marks).fetchone() == (False,)
        ended = threading.Event()
        active = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'INSERT INTO%%' AND state <> 'idle'"
        while connection.execute(active).fetchone() != (0,):
            assert not ended.wait(0.01)
    assert store.users.all() == []


def test_of_deadlocked_transactions_both_succeed(store: Store) -> None:
    for name in "ab":
        store.users.add(user(name))
    both = threading.Barrier(2)
    tries: list[str] = []

    def disable(order: str) -> None:
        def change(cursor: Any) -> None:
            tries.append(order)
            for name in order:
                cursor.execute("UPDATE users SET enabled = false WHERE uid = %s", [name])
                if name == order[0] and tries.count(order) == 1:
                    both.wait(PATIENCE)

        store.database.transact(change)

    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(disable, "ab"), pool.submit(disable, "ba")]:
            done.result(PATIENCE)
    assert len(tries) == 3
    assert not any(found.enabled for found in store.users.all())


def test_after_a_rollback_marks_are_left_as_before(store: Store) -> None:
    """The driver forgets then what it has prepared."""
    for number in range(10):
        store.sessions.add(session(f"s{number}"))
        store.users.add(user(f"u{number}"))
    for again in ("s10", "s11"):
        with pytest.raises(DuplicateError):
            store.sessions.add(session("s1"))
        with pytest.raises(DuplicateError):
            store.users.add(user("u1"))
        store.sessions.add(session(again))
        store.users.add(user(again))


def test_marks_are_kept_for_an_hour(store: Store, clock: FakeClock, postgresql_url: str) -> None:
    store.issuances.record(IssuanceRow(*issuance("t1")))
    with psycopg.connect(postgresql_url, autocommit=True) as connection:
        count = "SELECT count(*) FROM commits"
        store.purge()
        assert connection.execute(count).fetchone() == (1,)
        clock.advance(commits.KEPT + 1)
        store.purge()
        assert connection.execute(count).fetchone() == (0,)
