"""The part of the contract that sign-in stands on: attempts and known browsers."""

from issuer.store import AttemptPolicy, Store
from tests.fakes import FakeClock
from tests.store.samples import NOW, at_once, id_hash

POLICY = AttemptPolicy(free=3, first_wait=10.0, longest_wait=60.0, forget_after=1000.0)


class SignInContract:
    def test_free_attempts_then_waits_that_double(self, store: Store, clock: FakeClock) -> None:
        def reserve() -> float:
            return store.attempts.reserve("account:dwho", POLICY)

        assert [reserve(), reserve(), reserve()] == [0.0, 0.0, 0.0]
        for wait in (10.0, 20.0, 40.0, 60.0, 60.0):
            assert reserve() == wait
            clock.advance(wait - 1)
            assert reserve() == 1.0
            clock.advance(1)
            assert reserve() == 0.0

    def test_buckets_do_not_know_each_other(self, store: Store) -> None:
        for _ in range(4):
            store.attempts.reserve("account:dwho", POLICY)
        assert store.attempts.reserve("account:rtyler", POLICY) == 0.0

    def test_clear_forgets_everything(self, store: Store) -> None:
        for _ in range(4):
            store.attempts.reserve("b", POLICY)
        store.attempts.clear("b")
        assert [store.attempts.reserve("b", POLICY) for _ in range(4)] == [0.0, 0.0, 0.0, 10.0]

    def test_release_takes_one_attempt_back(self, store: Store, clock: FakeClock) -> None:
        for _ in range(3):
            store.attempts.reserve("b", POLICY)
        store.attempts.release("b")
        assert [store.attempts.reserve("b", POLICY), store.attempts.reserve("b", POLICY)] == [0.0, 10.0]
        store.attempts.release("never heard of")
        clock.advance(10)
        assert store.attempts.reserve("b", POLICY) == 0.0
        store.attempts.release("b")
        assert store.attempts.reserve("b", POLICY) == 0.0
        assert store.attempts.reserve("b", POLICY) == 20.0

    def test_failures_are_forgotten_after_their_time(self, store: Store, clock: FakeClock) -> None:
        for _ in range(3):
            store.attempts.reserve("b", POLICY)
        clock.advance(1000)
        assert [store.attempts.reserve("b", POLICY) for _ in range(4)] == [0.0, 0.0, 0.0, 10.0]

    def test_a_wait_is_never_forgotten_before_its_end(self, store: Store, clock: FakeClock) -> None:
        policy = AttemptPolicy(free=1, first_wait=100.0, longest_wait=100.0, forget_after=5.0)
        store.attempts.reserve("b", policy)
        clock.advance(50)
        assert store.purge() == 0
        assert store.attempts.reserve("b", policy) == 50.0
        clock.advance(50)
        assert store.purge() == 1

    def test_very_many_attempts_wait_no_longer_than_the_longest(self) -> None:
        assert POLICY.wait_after(10**9) == 60.0

    def test_any_text_is_a_bucket(self, store: Store) -> None:
        for typed in ("\0", "\ud800", "x" * 100_000, ""):
            assert store.attempts.reserve(f"account:{typed}", POLICY) == 0.0

    def test_of_many_attempts_at_once_only_the_free_ones_go_on(self, store: Store) -> None:
        results = at_once(20, lambda _: store.attempts.reserve("b", POLICY))
        assert sorted(map(str, results)) == ["0.0"] * 3 + ["10.0"] * 17

    def test_after_a_wait_one_of_many_goes_on(self, store: Store, clock: FakeClock) -> None:
        for _ in range(3):
            store.attempts.reserve("b", POLICY)
        clock.advance(10)
        results = at_once(20, lambda _: store.attempts.reserve("b", POLICY))
        assert sorted(map(str, results)) == ["0.0"] + ["20.0"] * 19

    def test_attempts_that_are_cleared_meanwhile_are_counted_anew(self, store: Store) -> None:
        def use(number: int) -> None:
            for _ in range(20):
                if number % 2:
                    store.attempts.clear("b")
                else:
                    store.attempts.reserve("b", POLICY)

        assert at_once(6, use) == [None] * 6

    def test_a_known_browser_is_known_for_its_account_only(self, store: Store, clock: FakeClock) -> None:
        store.browsers.remember(id_hash("b"), "dwho", NOW + 100)
        assert store.browsers.knows(id_hash("b"), "dwho")
        assert not store.browsers.knows(id_hash("b"), "rtyler")
        assert not store.browsers.knows(id_hash("c"), "dwho")
        assert not store.browsers.knows(id_hash("b"), "\0\ud800")
        clock.advance(100)
        assert not store.browsers.knows(id_hash("b"), "dwho")

    def test_a_browser_that_signs_in_again_is_known_for_longer(self, store: Store, clock: FakeClock) -> None:
        store.browsers.remember(id_hash("b"), "dwho", NOW + 100)
        store.browsers.remember(id_hash("b"), "dwho", NOW + 200)
        clock.advance(150)
        assert store.browsers.knows(id_hash("b"), "dwho")

    def test_forgetting_an_account_forgets_its_browsers_only(self, store: Store) -> None:
        for name, account in {"a": "dwho", "b": "dwho", "c": "rtyler"}.items():
            store.browsers.remember(id_hash(name), account, NOW + 100)
        store.browsers.forget_account("dwho")
        known = [store.browsers.knows(id_hash(name), "dwho") for name in "ab"]
        assert [*known, store.browsers.knows(id_hash("c"), "rtyler")] == [False, False, True]
