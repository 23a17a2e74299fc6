"""Quotas: how much may be used within a window; what is used comes back evenly."""

from concurrent.futures import ThreadPoolExecutor

from sqlalchemy import select

from issuer.store import AttemptPolicy, Limit, Pause, Quota, Store
from issuer.store.tables import attempts
from tests.fakes import FakeClock

TEN = Quota(10, 100.0)


class QuotasContract:
    def test_what_is_used_comes_back(self, store: Store, clock: FakeClock) -> None:
        for _ in range(10):
            assert store.attempts.spend({"a": TEN}, 1) is None
        assert store.attempts.spend({"a": TEN}, 1) == Pause("a", 10.0)
        assert store.attempts.spend({"b": TEN}, 10) is None
        clock.advance(10)
        assert store.attempts.spend({"a": TEN}, 1) is None
        assert store.attempts.spend({"a": TEN}, 2) == Pause("a", 20.0)
        clock.advance(1000)
        assert store.attempts.spend({"a": TEN}, 10) is None

    def test_nothing_is_used_where_one_bucket_is_full(self, store: Store) -> None:
        assert store.attempts.spend({"a": TEN}, 10) is None
        assert store.attempts.spend({"a": TEN, "b": TEN}, 1) == Pause("a", 10.0)
        assert store.attempts.spend({"b": TEN}, 10) is None

    def test_what_has_come_back_is_forgotten(self, store: Store, clock: FakeClock) -> None:
        store.attempts.spend({"a": TEN}, 10)
        clock.advance(99)
        assert store.purge() == 0
        clock.advance(1)
        assert store.purge() == 1

    def test_what_was_used_can_be_given_back(self, store: Store) -> None:
        policy = AttemptPolicy(free=2, first_wait=50.0, longest_wait=50.0, forget_after=1000.0)
        limits: dict[str, Limit] = {"whole": TEN, "whole|part": policy}
        assert [store.attempts.reserve_all(limits) for _ in range(2)] == [None, None]
        assert store.attempts.reserve_all(limits) == Pause("whole|part", 50.0)
        store.attempts.take_back(limits)
        assert store.attempts.spend({"whole": TEN}, 10) == Pause("whole", 10.0), "one of two is used"
        assert store.attempts.reserve_all(limits) is None
        store.attempts.take_back(limits, cleared="whole|part")
        assert [store.attempts.reserve_all(limits) for _ in range(2)] == [None, None]
        assert store.attempts.spend({"whole": TEN}, 8) == Pause("whole", 10.0)
        assert store.attempts.spend({"whole": TEN}, 7) is None

    def test_what_is_taken_back_leaves_no_row(self, store: Store) -> None:
        policy = AttemptPolicy(free=2, first_wait=50.0, longest_wait=50.0, forget_after=1000.0)
        for number in range(5):
            assert (
                store.attempts.reserve_all({"b": policy, f"{number}": policy, f"quota {number}": TEN}) is None
            )
            store.attempts.take_back({"b": policy, f"{number}": policy, f"quota {number}": TEN})
        with store.database.read() as connection:
            assert connection.execute(select(attempts)).all() == []

    def test_who_clears_a_bucket_clears_its_parts(self, store: Store) -> None:
        names = ("whole", "whole|one", "whole|two", "other", "other|one")
        for name in names:
            store.attempts.spend({name: TEN}, 10)
        store.attempts.clear("whole")
        full = [name for name in names if store.attempts.spend({name: TEN}, 1)]
        assert full == ["other", "other|one"]
        store.attempts.clear("other|one")
        assert store.attempts.spend({"other": TEN}, 1)

    def test_many_at_once_use_no_more_than_there_is(self, store: Store) -> None:
        with ThreadPoolExecutor(8) as threads:
            found = list(threads.map(lambda _: store.attempts.spend({"a": TEN}, 1), range(40)))
        assert found.count(None) == 10
