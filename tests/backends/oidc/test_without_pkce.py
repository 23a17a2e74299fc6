"""A provider that ignores PKCE: state, nonce and the browser still bind an answer to its sign-in."""

from collections.abc import Iterator

import pytest

from tests.backends.oidc.trips import House, changed, parameter, pending_cookie


@pytest.fixture
def careless_house(house: House) -> Iterator[House]:
    """The provider takes a code with any verifier: it has never heard of PKCE."""
    house.provider.control("careless", on=True)
    yield house
    house.provider.control("careless", on=False)


def test_a_provider_without_pkce_signs_people_in(careless_house: House) -> None:
    browser = careless_house.browser()
    assert browser.sign_in("rose").status_code == 303
    assert browser.signed_in()


def test_a_stolen_code_is_of_no_use_though_the_provider_takes_any_verifier(
    careless_house: House, caplog: pytest.LogCaptureFixture
) -> None:
    """The nonce of the sign-in in hand is what refuses it: the provider gives good tokens for the code."""
    house = careless_house
    victim, thief = house.browser(), house.browser()
    answer = victim.visit.sign_in(victim.begin(), "rose")
    house.provider.seen()
    injected = changed(answer, state=parameter(thief.begin(), "state"))
    with caplog.at_level("INFO"):
        assert thief.come_back(injected).status_code == 502
    assert house.provider.seen() == ["POST /token"]  # and userinfo is not even asked
    assert "InvalidClaimError nonce" in caplog.text
    assert not thief.signed_in()


def test_a_stolen_answer_is_of_no_use_in_another_browser_though_there_is_no_pkce(
    careless_house: House,
) -> None:
    """Neither in one that began a sign-in of its own, nor in one that wrote itself a cookie."""
    house = careless_house
    victim, thief = house.browser(), house.browser()
    location, own = victim.begin(), thief.begin()
    answer = victim.visit.sign_in(location, "rose")
    house.provider.seen()
    assert thief.come_back(answer).status_code == 400
    cookie = thief.client.get_cookie(pending_cookie(parameter(own, "state")))
    assert cookie
    written = pending_cookie(parameter(location, "state"))
    thief.client.set_cookie(written, cookie.value, secure=True)
    assert thief.come_back(answer).status_code == 400
    assert house.provider.seen() == []
    assert not thief.signed_in()
    assert victim.come_back(answer).status_code == 303


def test_nobody_is_signed_in_as_a_thief_though_there_is_no_pkce(careless_house: House) -> None:
    """A thief's own answer, which a victim's browser is made to open (RFC 6749 §10.12)."""
    victim, thief = careless_house.browser(), careless_house.browser()
    answer = thief.visit.sign_in(thief.begin(), "mallory")
    own = parameter(victim.begin(), "state")
    assert victim.come_back(answer).status_code == 400
    assert victim.come_back(changed(answer, state=own)).status_code == 502
    assert not victim.signed_in()
