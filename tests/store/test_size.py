"""How large the store is, what it gives back, and how long a quota lets somebody wait."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from issuer.observability.metrics import PrometheusMetrics
from issuer.store import Quota, Store
from issuer.store.housekeeping import INTERVAL, PAUSE, Housekeeper
from issuer.store.purge import SPARE_PAGES
from tests.fakes import FakeClock
from tests.service import wait_for
from tests.store.samples import session

TEN = Quota(10, 100.0)


def fill(store: Store, number: int) -> None:
    for i in range(number):
        store.sessions.add(session(f"session {i}", user_agent="x" * 40_000))


def test_sqlite_gives_space_back(sqlite_url: str, clock: FakeClock) -> None:
    store = Store.open(sqlite_url, clock)
    store.migrate()
    seen: list[float] = []
    keeper = Housekeeper(store, seen.append)
    fill(store, 400)
    assert keeper.look_after() == INTERVAL
    assert seen[-1] == store.size() > 400 * 40_000
    clock.advance(10**7)
    waits = [keeper.look_after() for _ in range(60)]
    assert (waits[0], waits[-1]) == (PAUSE, INTERVAL)
    assert seen[-1] == store.size() <= (SPARE_PAGES + 300) * 4096
    with store.database.read() as connection:
        assert connection.scalar(text("PRAGMA integrity_check")) == "ok"
    store.close()


def test_the_size_is_told_from_the_beginning(sqlite_url: str, clock: FakeClock) -> None:
    store = Store.open(sqlite_url, clock)
    store.migrate()
    seen: list[float] = []
    keeper = Housekeeper(store, seen.append)
    keeper.start()
    wait_for(lambda: bool(seen), "the size")
    keeper.stop()
    assert seen == [store.size()]
    store.close()


def test_a_file_from_before_gives_nothing_back(sqlite_url: str, clock: FakeClock) -> None:
    store = Store.open(sqlite_url, clock)
    store.migrate()
    with store.database.read() as connection:
        connection.exec_driver_sql("PRAGMA auto_vacuum=NONE")
        connection.exec_driver_sql("VACUUM")
    fill(store, 200)
    clock.advance(10**7)
    store.purge()
    before = store.size()
    assert not store.shrink(100)
    assert store.size() == before
    store.close()


def test_postgresql_has_a_size(emptied_postgresql_url: str, clock: FakeClock) -> None:
    store = Store.open(emptied_postgresql_url, clock)
    store.migrate()
    assert store.size() > 1_000_000
    assert not store.shrink(100)
    store.close()


def test_the_metrics_say_how_large_it_is() -> None:
    metrics = PrometheusMetrics()
    metrics.level("issuer_store_bytes", "Bytes", []).set(4096.0)
    assert metrics.registry.get_sample_value("issuer_store_bytes") == 4096.0


@given(st.floats(0, 1e6), st.floats(0.01, 9.9))
def test_whoever_waits_as_told_may_go_on(used: float, cost: float) -> None:
    quota = replace(TEN, cost=cost)
    wait = quota.wait(1000.0 + used % 100.0, 1000.0)
    assert 0.0 <= wait <= 100.0
    assert quota.wait(1000.0 + used % 100.0, 1000.0 + wait + 1e-6) <= 1e-3
