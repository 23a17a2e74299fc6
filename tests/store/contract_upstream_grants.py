"""The part of the contract that reading people again upstream stands on."""

from dataclasses import replace

from sqlalchemy import update

from issuer.store import Store, UpstreamGrant
from issuer.store.repositories.upstream_grants import MOST
from issuer.store.tables import upstream_grants
from tests.fakes import FakeClock
from tests.store.samples import NOW, at_once, id_hash

WHO = ("example", "https://idp.example.com rose")


def grant(name: str = "one", asked_at: float = NOW, subject: str = WHO[1]) -> UpstreamGrant:
    return UpstreamGrant(id_hash(name), WHO[0], subject, b"\0sealed\xff", asked_at, NOW + 1000)


def time_passes(store: Store, clock: FakeClock, seconds: float) -> None:
    """Let time pass on the clock that counts: PostgreSQL's own does not wait for tests."""
    clock.step(seconds)
    if not store.database.is_sqlite:
        row = upstream_grants.c.busy_until
        with store.database.write() as connection:
            connection.execute(update(upstream_grants).where(row > 0).values(busy_until=row - seconds))


class UpstreamGrantsContract:
    def test_a_grant_comes_back_as_it_went_in(self, store: Store) -> None:
        assert store.upstream_grants.of(*WHO) == []
        store.upstream_grants.add(grant())
        store.upstream_grants.add(grant("other", subject="another"))
        assert store.upstream_grants.of(*WHO) == [grant()]
        assert b"sealed".decode() not in repr(grant())

    def test_the_newest_come_first_and_the_oldest_go(self, store: Store) -> None:
        grants = [grant(str(number), NOW + number) for number in range(MOST + 2)]
        for one in grants:
            store.upstream_grants.add(one)
        assert store.upstream_grants.of(*WHO) == grants[:1:-1]

    def test_an_ended_one_stays_until_a_sign_in(self, store: Store) -> None:
        ended = replace(grant("old"), sealed=None)
        for new in (grant("new"), None):
            store.upstream_grants.add(grant("old", NOW + 1))
            store.upstream_grants.put(ended)
            assert ended in store.upstream_grants.of(*WHO)
            if new:
                store.upstream_grants.add(new)
            else:
                store.upstream_grants.forget_ended(*WHO)
            assert store.upstream_grants.of(*WHO) == [grant("new")]

    def test_one_caller_at_a_time_has_it(self, store: Store, clock: FakeClock) -> None:
        store.upstream_grants.add(grant())
        taken = at_once(4, lambda _: store.upstream_grants.take(grant(), 30))
        assert sorted(map(str, taken)) == sorted(map(str, [grant(), None, None, None]))
        (first,) = (found for found in taken if isinstance(found, UpstreamGrant))
        store.upstream_grants.put(replace(first, sealed=b"next"), done=False)
        assert store.upstream_grants.take(grant(), 30) is None
        time_passes(store, clock, 30)
        second = store.upstream_grants.take(grant(), 30)
        assert second == replace(grant(), sealed=b"next")
        store.upstream_grants.let_go(second)
        third = store.upstream_grants.take(grant(), 30)
        assert third
        store.upstream_grants.put(replace(third, asked_at=NOW + 30))
        assert store.upstream_grants.take(grant(), 30) == replace(second, asked_at=NOW + 30)

    def test_whoever_took_too_long_changes_nothing(self, store: Store, clock: FakeClock) -> None:
        store.upstream_grants.add(grant())
        late = store.upstream_grants.take(grant(), 30)
        time_passes(store, clock, 30)
        other = store.upstream_grants.take(grant(), 30)
        assert late
        assert other
        store.upstream_grants.put(replace(late, sealed=b"used already"))
        store.upstream_grants.let_go(late)
        assert store.upstream_grants.take(grant(), 30) is None
        store.upstream_grants.put(replace(other, sealed=b"next"))
        assert store.upstream_grants.of(*WHO) == [replace(grant(), sealed=b"next")]

    def test_machines_whose_clocks_differ_do_not_have_it_at_once(
        self, store: Store, clock: FakeClock
    ) -> None:
        """On SQLite there is one machine, whose clock may be set."""
        store.upstream_grants.add(grant())
        assert store.upstream_grants.take(grant(), 30)
        for step in (5.0, -10.0) if store.database.is_sqlite else (100.0, -200.0):
            clock.step(step)
            assert store.upstream_grants.take(grant(), 30) is None

    def test_a_clock_that_is_set_back_keeps_it_from_nobody(self, store: Store, clock: FakeClock) -> None:
        store.upstream_grants.add(grant())
        assert store.upstream_grants.take(grant(), 30)
        time_passes(store, clock, -3600)
        assert store.upstream_grants.take(grant(), 30)

    def test_one_that_was_given_up_meanwhile_is_ended(self, store: Store) -> None:
        found = store.upstream_grants.take(grant(), 30)
        assert found
        assert found.sealed is None

    def test_an_expired_one_is_not_there(self, store: Store, clock: FakeClock) -> None:
        store.upstream_grants.add(grant())
        clock.advance(1000)
        assert store.upstream_grants.of(*WHO) == []
        assert store.purge() == 1
