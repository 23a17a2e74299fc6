"""What every store keeps to, whatever database is under it.

A subclass gives the fixture `url`: an empty or migrated database. See `test_contract.py`.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from issuer.store import DuplicateError, Store, StoreError, User, UserChanges
from tests.fakes import FakeClock
from tests.store.contract_claims import ClaimsContract
from tests.store.contract_issuances import IssuancesContract
from tests.store.contract_quotas import QuotasContract
from tests.store.contract_redemptions import RedemptionsContract
from tests.store.contract_second_factor import PendingStepsContract, SecondFactorContract
from tests.store.contract_sign_in import SignInContract
from tests.store.contract_upstream_grants import UpstreamGrantsContract
from tests.store.samples import NOW, at_once, id_hash, identity, issuance, session, user


class StoreFixture:
    @pytest.fixture
    def store(self, url: str, clock: FakeClock) -> Iterator[Store]:
        store = Store.open(url, clock, issuance_retention=500.0)
        store.migrate()
        yield store
        store.close()


class UsersContract:
    def test_a_user_comes_back_as_it_went_in(self, store: Store) -> None:
        store.users.add(user())
        assert store.users.by_uid("dwho") == user()
        assert store.users.by_id("id-of-dwho") == user()

    def test_absent_is_none(self, store: Store) -> None:
        assert store.users.by_uid("dwho") is None
        assert store.users.by_id("id-of-dwho") is None

    @pytest.mark.parametrize("typed", ["a\0b", "\ud800", "", "x" * 100_000, "DWHO", "dwho "])
    def test_whatever_is_typed_is_nobody(self, store: Store, typed: str) -> None:
        store.users.add(user())
        assert store.users.by_uid(typed) is None

    def test_two_users_never_share_a_uid_or_an_id(self, store: Store) -> None:
        store.users.add(user())
        with pytest.raises(DuplicateError):
            store.users.add(user(id="another"))
        with pytest.raises(DuplicateError):
            store.users.add(user(uid="another", id="id-of-dwho"))
        store.users.add(user("rtyler"))
        with pytest.raises(DuplicateError):
            store.users.change("id-of-rtyler", NOW, uid="dwho")
        assert [found.uid for found in store.users.all()] == ["dwho", "rtyler"]

    def test_an_error_and_a_repr_show_no_password_hash(self, store: Store) -> None:
        store.users.add(user())
        with pytest.raises(DuplicateError) as caught:
            store.users.add(user())
        assert "argon2" not in f"{caught.value} {caught.value.__cause__} {user()!r}"

    def test_change_and_remove_tell_whether_there_was_one(self, store: Store) -> None:
        changed = user(enabled=False, groups=(), changed_at=NOW + 9)
        assert store.users.change(changed.id, NOW + 9, enabled=False, groups=()) is None
        store.users.add(user())
        assert store.users.change(changed.id, NOW + 9, enabled=False, groups=()) == changed
        assert store.users.by_uid("dwho") == changed
        assert store.users.remove(changed.id)
        assert not store.users.remove(changed.id)

    def test_a_change_keeps_what_others_change_at_once(self, store: Store) -> None:
        store.users.add(user(attributes={}))
        changes: list[UserChanges] = [
            {"password_hash": "$argon2id$new"},
            {"groups": ("staff",)},
            {"enabled": False},
            *(UserChanges(attributes={f"a{number}": "x"}) for number in range(5)),
        ]
        results = at_once(len(changes), lambda turn: store.users.change(user().id, NOW, **changes[turn]))
        assert all(isinstance(result, User) for result in results)
        attributes = {f"a{number}": "x" for number in range(5)}
        assert store.users.by_uid("dwho") == user(
            password_hash="$argon2id$new",
            groups=("staff",),
            enabled=False,
            attributes=attributes,
            changed_at=NOW,
        )

    def test_of_users_added_at_once_with_one_uid_one_is_added(self, store: Store) -> None:
        results = at_once(8, lambda number: store.users.add(user(id=f"id{number}")))
        assert [type(result) for result in results if result] == [DuplicateError] * 7
        assert len(store.users.all()) == 1


class SessionsContract:
    def test_a_session_comes_back_as_it_went_in(self, store: Store) -> None:
        store.sessions.add(session())
        assert store.sessions.get(id_hash("one")) == session()
        assert store.sessions.get(id_hash("two")) is None

    @pytest.mark.parametrize("end", ["expires_at", "idle_expires_at"])
    def test_an_expired_session_is_not_there(self, store: Store, clock: FakeClock, end: str) -> None:
        ends: dict[str, Any] = {"idle_expires_at": NOW + 999, end: NOW + 10}
        store.sessions.add(session(**ends))
        clock.advance(9.9)
        assert store.sessions.get(id_hash("one"))
        clock.advance(0.1)
        assert store.sessions.get(id_hash("one")) is None
        assert store.sessions.of("local", "id-of-dwho") == store.sessions.all() == []

    def test_touch_moves_the_idle_end(self, store: Store, clock: FakeClock) -> None:
        store.sessions.add(session())
        store.sessions.touch(id_hash("one"), NOW + 50, NOW + 150)
        clock.advance(120)
        assert store.sessions.get(id_hash("one")) == session(seen_at=NOW + 50, idle_expires_at=NOW + 150)

    def test_end_tells_whether_there_was_one(self, store: Store) -> None:
        store.sessions.add(session())
        assert store.sessions.end(id_hash("one"))
        assert not store.sessions.end(id_hash("one"))
        assert store.sessions.get(id_hash("one")) is None

    def test_a_touch_never_brings_an_ended_session_back(self, store: Store) -> None:
        store.sessions.touch(id_hash("one"), NOW, NOW + 100)
        assert store.sessions.get(id_hash("one")) is None

    def test_the_sessions_of_a_person_end_together(self, store: Store) -> None:
        for name, uid in {"one": "dwho", "two": "dwho", "three": "rtyler"}.items():
            store.sessions.add(session(name, uid))
        assert store.sessions.end_of("local", "id-of-dwho") == 2
        assert store.sessions.end_of("ldap", "id-of-rtyler") == 0
        assert store.sessions.all() == [session("three", "rtyler")]

    def test_lists_are_newest_first(self, store: Store) -> None:
        rows = [session(f"s{number}", created_at=NOW + number) for number in range(5)]
        for row in rows:
            store.sessions.add(row)
        assert store.sessions.of("local", "id-of-dwho") == rows[::-1]
        assert store.sessions.all(limit=2) == [rows[4], rows[3]]

    def test_sessions_are_found_by_uid_and_by_the_beginning_of_their_hash(self, store: Store) -> None:
        rows = [session(f"s{number}", uid) for number, uid in enumerate(["dwho", "rtyler", "dwho"])]
        for row in rows:
            store.sessions.add(row)
        assert {row.id_hash for row in store.sessions.of_uid("dwho")} == {rows[0].id_hash, rows[2].id_hash}
        assert store.sessions.of_uid("a\0b") == store.sessions.of_uid("") == []
        for row in rows:
            assert store.sessions.beginning_with(row.id_hash[:8]) == [row]
        assert store.sessions.beginning_with(bytes(8)) == []

    def test_refresh_changes_what_was_read(self, store: Store) -> None:
        for name, uid in {"one": "dwho", "three": "rtyler"}.items():
            store.sessions.add(session(name, uid))
        now = replace(
            identity(),
            uid="doctor",
            groups=("jitsi-meet",),
            attributes={"cn": "The Doctor"},
            macros={"staff": True, "rooms": ["a", "b"]},
        )
        fresh = session(identity=replace(now, auth_level=9), refreshed_at=NOW + 5)
        assert store.sessions.refresh(fresh, NOW)
        assert store.sessions.get(id_hash("one")) == session(identity=now, refreshed_at=NOW + 5)
        assert store.sessions.get(id_hash("three")) == session("three", "rtyler")
        assert not store.sessions.refresh(session(refreshed_at=NOW + 9), NOW)
        assert not store.sessions.refresh(session("never"), NOW)

    def test_what_was_read_before_a_change_is_not_written_after_it(
        self, store: Store, clock: FakeClock
    ) -> None:
        store.sessions.add(session())
        store.sessions.outdate("local", "id-of-dwho")
        read = store.sessions.get(id_hash("one"))
        assert read
        clock.advance(1)
        store.sessions.outdate("local", "id-of-dwho")
        assert not store.sessions.refresh(replace(read, refreshed_at=NOW + 5), read.refreshed_at)
        found = store.sessions.get(id_hash("one"))
        assert found
        assert found.refreshed_at < 0

    def test_outdated_sessions_are_to_be_refreshed(self, store: Store) -> None:
        for name, uid in {"one": "dwho", "two": "dwho", "three": "rtyler"}.items():
            store.sessions.add(session(name, uid))
        assert store.sessions.outdate("local", "id-of-dwho") == 2
        assert store.sessions.get(id_hash("one")) == session(refreshed_at=-NOW)
        assert store.sessions.get(id_hash("three")) == session("three", "rtyler")

    def test_an_upstream_ends_the_sessions_that_it_knows(self, store: Store) -> None:
        for name, sid in {"one": "s1", "two": "s1", "three": "s2", "four": None}.items():
            store.sessions.add(session(name, upstream_sid=sid))
        assert store.sessions.end_upstream("other", "s1") == store.sessions.end_upstream("local", "a\0b") == 0
        assert store.sessions.end_upstream("local", "s1") == 2
        assert {row.upstream_sid for row in store.sessions.all()} == {"s2", None}

    def test_attributes_of_any_text_are_kept(self, store: Store) -> None:
        odd = identity(attributes={"\0": "\0", "ü": ["\ud800", "\U0001f680"], "empty": []})
        store.sessions.add(session(identity=odd))
        found = store.sessions.get(id_hash("one"))
        assert found
        assert found.identity == odd

    def test_readers_and_writers_do_not_meet(self, store: Store) -> None:
        store.sessions.add(session())

        def use(number: int) -> None:
            for step in range(10):
                if number % 2:
                    store.sessions.touch(id_hash("one"), NOW + step, NOW + 100 + step)
                else:
                    assert store.sessions.get(id_hash("one"))

        assert at_once(12, use) == [None] * 12


class UpkeepContract:
    def test_purge_takes_what_has_expired_in_small_batches(self, store: Store, clock: FakeClock) -> None:
        for number in range(5):
            store.sessions.add(session(f"s{number}", idle_expires_at=NOW + number * 100))
            store.browsers.remember(id_hash(f"b{number}"), "dwho", NOW + number * 100)
            store.issuances.record(issuance(f"t{number}", expires_at=NOW + number * 100))
        clock.advance(250)
        assert [store.purge(limit=2), store.purge(limit=2), store.purge(limit=2)] == [4, 2, 0]
        assert {row.id_hash for row in store.sessions.all()} == {id_hash("s3"), id_hash("s4")}
        assert not store.browsers.knows(id_hash("b2"), "dwho")
        assert store.browsers.knows(id_hash("b3"), "dwho")
        assert len(store.issuances.search()) == 5

    def test_issuances_are_kept_for_their_time_after_the_token_expired(
        self, store: Store, clock: FakeClock
    ) -> None:
        store.issuances.record(issuance("t1", expires_at=NOW + 10))
        store.issuances.record(issuance("t2", expires_at=NOW + 20))
        clock.advance(510)
        assert store.purge() == 1
        assert [row.token_id for row in store.issuances.search()] == ["t2"]

    def test_check_is_content_after_migrate(self, store: Store) -> None:
        store.check()
        store.migrate()
        store.check()

    def test_a_closed_store_leaves_nothing_open(self, store: Store) -> None:
        store.sessions.get(id_hash("one"))
        store.close()
        assert store.sessions.get(id_hash("one")) is None

    def test_store_errors_are_for_the_log_and_for_another_try(self) -> None:
        assert (StoreError.status, StoreError("x").headers) == (503, {"Retry-After": "5"})


class StoreContract(
    StoreFixture,
    UsersContract,
    SessionsContract,
    SignInContract,
    ClaimsContract,
    IssuancesContract,
    RedemptionsContract,
    UpkeepContract,
    SecondFactorContract,
    PendingStepsContract,
    UpstreamGrantsContract,
    QuotasContract,
):
    """Everything."""
