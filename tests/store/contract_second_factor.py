"""The part of the contract that second factors stand on."""

import pytest

from issuer.store import DuplicateError, PendingStep, SecondFactor, Store
from tests.fakes import FakeClock
from tests.store.samples import NOW, at_once, id_hash

WHO = ("local", "id-of-dwho")


def factor(subject: str = WHO[1], uid: str = "dwho") -> SecondFactor:
    return SecondFactor("local", subject, uid, b"\0sealed\xff", 100, NOW)


def step(name: str = "a", expires_at: float = NOW + 600) -> PendingStep:
    content = {"uid": "dwho", "groups": ["a", "ä"], "nested": {"b": [1, None]}}
    return PendingStep(id_hash(name), *WHO, content, expires_at)


class SecondFactorContract:
    def test_a_factor_comes_back_as_it_went_in(self, store: Store) -> None:
        assert store.second_factors.get(*WHO) is None
        store.second_factors.add(factor(), [b"1", b"2"])
        store.second_factors.add(factor("other", "rtyler"), [b"1"])
        assert store.second_factors.get(*WHO) == factor()
        assert store.second_factors.of_uid("dwho") == [factor()]
        assert [found.uid for found in store.second_factors.all()] == ["dwho", "rtyler"]
        assert b"sealed".decode() not in repr(factor())

    def test_a_person_has_one_factor(self, store: Store) -> None:
        store.second_factors.add(factor(), [b"1"])
        with pytest.raises(DuplicateError):
            store.second_factors.add(factor(), [b"2"])
        assert not store.second_factors.use_code(*WHO, b"2")

    def test_a_step_counts_once_and_none_before_it(self, store: Store) -> None:
        store.second_factors.add(factor(), [b"1"])
        found = [store.second_factors.use_step(*WHO, number) for number in (100, 99, 101, 101, 100, 103, 102)]
        assert found == [False, False, True, False, False, True, False]
        assert not store.second_factors.use_step("local", "nobody", 200)

    def test_of_many_who_use_a_step_at_once_one_succeeds(self, store: Store) -> None:
        store.second_factors.add(factor(), [b"1"])
        assert at_once(12, lambda _: store.second_factors.use_step(*WHO, 101)).count(True) == 1

    def test_a_recovery_code_counts_once_and_for_its_person(self, store: Store) -> None:
        store.second_factors.add(factor(), [b"1", b"2"])
        store.second_factors.add(factor("other", "rtyler"), [b"3"])
        assert not store.second_factors.use_code(*WHO, b"3")
        assert at_once(12, lambda _: store.second_factors.use_code(*WHO, b"1")).count(True) == 1
        assert store.second_factors.codes_left(*WHO) == 1
        store.second_factors.replace_codes(*WHO, [b"4", b"5", b"6"])
        assert not store.second_factors.use_code(*WHO, b"2")
        assert store.second_factors.codes_left(*WHO) == 3
        assert store.second_factors.codes_left("local", "other") == 1

    def test_a_factor_is_removed_with_its_codes(self, store: Store) -> None:
        store.second_factors.add(factor(), [b"1"])
        assert store.second_factors.remove(*WHO)
        assert not store.second_factors.remove(*WHO)
        assert not store.second_factors.use_code(*WHO, b"1")
        store.second_factors.add(factor(), [b"2"])


class PendingStepsContract:
    def test_a_step_comes_back_until_it_is_finished(self, store: Store) -> None:
        store.pending_steps.add(step())
        assert store.pending_steps.get(id_hash("a")) == step()
        assert store.pending_steps.get(id_hash("b")) is None
        assert at_once(12, lambda _: store.pending_steps.finish(id_hash("a"))).count(True) == 1
        assert store.pending_steps.get(id_hash("a")) is None

    def test_a_step_expires(self, store: Store, clock: FakeClock) -> None:
        store.pending_steps.add(step())
        store.pending_steps.add(step("b", NOW + 700))
        clock.advance(600)
        assert store.pending_steps.get(id_hash("a")) is None
        assert store.purge() == 1
        assert store.pending_steps.get(id_hash("b"))

    def test_the_steps_of_a_person_are_dropped(self, store: Store) -> None:
        store.pending_steps.add(step())
        store.pending_steps.drop_of("local", "other")
        assert store.pending_steps.get(id_hash("a"))
        store.pending_steps.drop_of(*WHO)
        assert store.pending_steps.get(id_hash("a")) is None
