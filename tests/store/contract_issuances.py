"""What every store keeps to with issuances."""

from dataclasses import replace

import pytest

from issuer.store import DuplicateError, Store, ValueRefusedError
from tests.store.samples import NOW, at_once, identity, issuance


class IssuancesContract:
    def test_an_issuance_comes_back_as_it_went_in(self, store: Store) -> None:
        full = issuance(tenant="acme", scene="s", event="e", identity="@dwho:example.org")
        store.issuances.record(full)
        assert store.issuances.by_token_id("t1") == full
        assert store.issuances.by_token_id("t2") is None

    def test_search_takes_every_filter(self, store: Store) -> None:
        rows = [issuance(f"t{number}", issued_at=NOW + number) for number in range(6)]
        rows[1] = rows[1]._replace(uid="rtyler")
        rows[2] = rows[2]._replace(instance="other")
        rows[3] = rows[3]._replace(room=None)
        for row in rows:
            store.issuances.record(row)
        search = store.issuances.search
        assert search() == rows[::-1]
        assert search(limit=2) == [rows[5], rows[4]]
        assert search(uid="rtyler") == [rows[1]]
        assert search(instance="other") == [rows[2]]
        assert search(room="board-1", uid="dwho", instance="jitsi") == [rows[5], rows[4], rows[0]]
        assert search(since=NOW + 2, until=NOW + 4) == [rows[3], rows[2]]

    def test_each_gives_all_rows_of_a_filter_in_order(
        self, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("issuer.store.repositories.issuances.PART", 3)
        rows = [issuance(f"t{number:02}", issued_at=NOW + number // 4) for number in range(10)]
        for row in rows:
            store.issuances.record(row)
        store.issuances.record(issuance("other", uid="rtyler", scene="s", event="e", identity="i"))
        assert [*store.issuances.each(uid="dwho")] == rows[::-1]
        assert [*store.issuances.each(since=NOW + 1, until=NOW + 2)] == rows[7:3:-1]
        one = [
            row.token_id for row in store.issuances.each(scene="s", event="e", identity="i", module="jitsi")
        ]
        assert one == ["other"]

    def test_rooms_of_a_person_come_once_the_latest_first(self, store: Store) -> None:
        rooms = ["a", "b", "a", None, "c"]
        for number, room in enumerate(rooms):
            store.issuances.record(issuance(f"t{number}", room=room, issued_at=NOW + number))
        store.issuances.record(issuance("t5", room="a", tenant="acme", issued_at=NOW + 5))
        store.issuances.record(issuance("t6", room="d", subject="a namesake", issued_at=NOW + 6))
        mine = identity()
        found = store.issuances.rooms_of(mine, 10)
        assert [(use.tenant, use.room, use.last - NOW) for use in found] == [
            ("acme", "a", 5.0),
            (None, "c", 4.0),
            (None, "a", 2.0),
            (None, "b", 1.0),
        ]
        assert store.issuances.rooms_of(mine, 2) == found[:2]
        assert store.issuances.rooms_of(replace(mine, backend="ldap"), 10) == []

    def test_of_rows_recorded_at_once_a_bad_one_fails_alone(self, store: Store) -> None:
        store.issuances.record(issuance("t0"))
        results = at_once(16, lambda number: store.issuances.record(issuance(f"t{number // 2 * 2}")))
        for place in range(0, 16, 2):
            failed = [type(error) for error in results[place : place + 2] if error]
            assert failed == [DuplicateError] * (2 if place == 0 else 1)
        assert len(store.issuances.search()) == 8

    def test_a_text_that_no_column_holds_is_refused_alone(self, store: Store) -> None:
        rows = [issuance(f"t{number}", room=["board", "\ud800"][number % 2]) for number in range(8)]
        results = at_once(8, lambda number: store.issuances.record(rows[number]))
        assert [type(error) for error in results if error] == [ValueRefusedError] * 4
        assert len(store.issuances.search(room="board")) == 4

    def test_everything_recorded_at_once_is_there(self, store: Store) -> None:
        def record(number: int) -> None:
            for step in range(25):
                store.issuances.record(issuance(f"t{number}-{step}"))

        assert at_once(16, record) == [None] * 16
        assert len(store.issuances.search(limit=1000)) == 400
