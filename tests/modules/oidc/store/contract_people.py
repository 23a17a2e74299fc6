"""The part of the contract about what people decide: consents, and devices that they let in."""

from dataclasses import replace

import pytest

from issuer.store import DuplicateError, SpentError, Store
from modules.oidc.store.consents import Consent, Consents
from modules.oidc.store.devices import Devices
from tests.fakes import FakeClock
from tests.modules.oidc.store.samples import consent, device
from tests.store.samples import NOW, at_once, id_hash, identity

WHO, OTHER = identity(), identity("rtyler")
USER = id_hash("user code")


class ConsentsContract:
    @pytest.fixture
    def consents(self, store: Store, clock: FakeClock) -> Consents:
        return Consents(store.database, clock, "oidc")

    def test_a_consent_comes_back_as_it_went_in(self, consents: Consents) -> None:
        assert consents.get(WHO, "wiki") is None
        consents.give(WHO, consent())
        assert consents.get(WHO, "wiki") == consent()
        assert consents.all(WHO) == [consent()]

    def test_it_is_of_a_person_a_client_and_an_instance(
        self, consents: Consents, store: Store, clock: FakeClock
    ) -> None:
        consents.give(WHO, consent())
        for person in (OTHER, replace(WHO, backend="ldap"), replace(WHO, subject="another")):
            assert consents.get(person, "wiki") is None
            assert consents.all(person) == []
        assert consents.get(WHO, "mail") is None
        assert Consents(store.database, clock, "second").get(WHO, "wiki") is None
        assert consents.get(replace(WHO, uid="renamed"), "wiki") == consent()

    def test_a_later_one_takes_its_place(self, consents: Consents) -> None:
        consents.give(WHO, consent())
        consents.give(WHO, consent("mail"))
        wider = consent(scope=("email", "groups", "openid"), given_at=NOW + 1)
        consents.give(WHO, wider)
        assert consents.all(WHO) == [consent("mail"), wider]

    def test_one_that_is_given_twice_at_once_has_both(self, consents: Consents) -> None:
        scopes = [("email",), ("groups",), ("openid",), ("profile",)]
        at_once(4, lambda number: consents.give(WHO, consent(scope=scopes[number])))
        found = consents.get(WHO, "wiki")
        assert found
        assert found.scope == ("email", "groups", "openid", "profile")

    def test_an_expired_one_is_not_there(self, consents: Consents, clock: FakeClock) -> None:
        consents.give(WHO, consent())
        clock.advance(1000)
        assert consents.get(WHO, "wiki") is None
        assert consents.all(WHO) == []
        consents.give(WHO, consent(expires_at=NOW + 2000))
        assert consents.get(WHO, "wiki")

    def test_it_is_taken_back_once(self, consents: Consents) -> None:
        consents.give(WHO, consent())
        consents.give(OTHER, consent())
        assert consents.withdraw(WHO, "wiki")
        assert not consents.withdraw(WHO, "wiki")
        assert consents.get(WHO, "wiki") is None
        assert consents.get(OTHER, "wiki")

    @pytest.mark.parametrize("name", ["\0", "\ud800", "", "x" * 10_000])
    def test_whatever_client_is_named_it_has_none(self, consents: Consents, name: str) -> None:
        assert consents.get(WHO, name) is None
        assert not consents.withdraw(WHO, name)

    def test_many_who_give_it_at_once_all_have_it(self, consents: Consents) -> None:
        """Who sends the form twice."""
        results = at_once(12, lambda number: consents.give(WHO, consent(given_at=NOW + number)))
        assert all(isinstance(result, Consent) for result in results)
        assert len(consents.all(WHO)) == 1


class DevicesContract:
    @pytest.fixture
    def devices(self, store: Store, clock: FakeClock) -> Devices:
        return Devices(store.database, clock, "oidc")

    def test_a_device_comes_back_as_it_went_in(self, devices: Devices) -> None:
        assert devices.waiting(USER) is devices.by_device_code(device().device_hash) is None
        devices.add(device(), USER)
        assert devices.waiting(USER) == devices.by_device_code(device().device_hash) == device()

    def test_a_device_is_of_an_instance(self, devices: Devices, store: Store, clock: FakeClock) -> None:
        devices.add(device(), USER)
        second = Devices(store.database, clock, "second")
        assert second.waiting(USER) is second.by_device_code(device().device_hash) is None

    def test_two_devices_never_share_a_code(self, devices: Devices) -> None:
        devices.add(device(), USER)
        for other, user_hash in ((device(), id_hash("another")), (device("two"), USER)):
            with pytest.raises(DuplicateError):
                devices.add(other, user_hash)
        assert devices.by_device_code(device("two").device_hash) is None

    def test_of_devices_that_draw_one_user_code_at_once_one_has_it(self, devices: Devices) -> None:
        results = at_once(8, lambda number: devices.add(device(f"d{number}"), USER))
        assert [type(result) for result in results if result] == [DuplicateError] * 7
        assert devices.waiting(USER) == device(f"d{results.index(None)}")

    def test_an_expired_one_waits_no_more(self, devices: Devices, clock: FakeClock) -> None:
        devices.add(device(), USER)
        clock.advance(599.9)
        assert devices.waiting(USER)
        clock.advance(0.1)
        assert devices.waiting(USER) is None
        assert devices.by_device_code(device().device_hash) == device()

    @pytest.mark.parametrize("grant_id", ["grant-one", None])
    def test_somebody_decides_once(self, devices: Devices, grant_id: str | None) -> None:
        devices.add(device(), USER)
        assert devices.decide(device(), grant_id)
        for later in (None, "grant-two"):
            assert not devices.decide(device(), later)
        assert devices.waiting(USER) is None
        decided = replace(device(), grant_id=grant_id, denied=grant_id is None)
        assert devices.by_device_code(device().device_hash) == decided

    def test_of_many_who_decide_at_once_one_does(self, devices: Devices) -> None:
        devices.add(device(), USER)
        won = at_once(12, lambda number: devices.decide(device(), f"grant-{number}" if number % 2 else None))
        assert sorted(map(bool, won)) == [False] * 11 + [True]
        found = devices.by_device_code(device().device_hash)
        assert found
        winner = next(number for number, result in enumerate(won) if result is True)
        assert (found.denied, found.grant_id) == (not winner % 2, f"grant-{winner}" if winner % 2 else None)

    def test_it_is_known_when_a_device_asked(self, devices: Devices, clock: FakeClock) -> None:
        devices.add(device(), USER)
        clock.advance(3)
        devices.polled(device(), 10.0)
        found = devices.by_device_code(device().device_hash)
        assert found == replace(device(), polled_at=NOW + 3, interval=10.0)

    def test_of_many_who_use_a_device_code_at_once_one_wins(
        self, devices: Devices, store: Store, clock: FakeClock
    ) -> None:
        devices.add(device(), USER)
        clock.advance(1)
        results = at_once(12, lambda _: store.issuances.record(change=devices.spent(device(), [])))
        assert [type(error) for error in results if error] == [SpentError] * 11
        found = devices.by_device_code(device().device_hash)
        assert found
        assert found.used_at == NOW + 1

    def test_a_repr_shows_no_code(self) -> None:
        assert repr(device().device_hash) not in repr(device())
