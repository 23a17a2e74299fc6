"""People sign in anew where they must, and a session here is as old as the sign-in at the provider."""

from typing import Any

import pytest

from issuer.backends.oidc.age import ANY_AGE
from tests.backends.oidc.conftest import BuildHouse
from tests.backends.oidc.trips import INSTANCE, Browser, House, changed, parameter
from tests.modules.oidc.provider import CLIENTS, Provider, claims_of

HOUR = 3600


@pytest.fixture
def applications(build_house: BuildHouse) -> tuple[House, Provider]:
    """A gateway whose applications sign people in with it, who sign in elsewhere."""
    data = {"modules": {"oidc": {"clients": CLIENTS}}, "sign_in": {"default": INSTANCE}}
    house = build_house(data=data)
    return house, Provider(house.gateway)


def sent_elsewhere(browser: Browser, path: str) -> str:
    """Follow where the gateway sends a browser, as far as the provider."""
    while not path.startswith("http"):
        answer = browser.client.get(path)
        assert answer.status_code == 303, answer.text
        path = answer.headers["Location"]
    return path


def said(house: House, **claims: Any) -> None:
    """Let the next ID token say something else, well signed by the provider itself."""
    house.provider.once("/token", token={"claims": claims})


def test_a_session_is_as_old_as_the_sign_in_at_the_provider(build_house: BuildHouse) -> None:
    house = build_house()
    browser = house.browser()
    location = browser.begin()
    assert parameter(location, "max_age") == str(ANY_AGE)  # so that the provider says when
    morning = house.gateway.clock.now() - 4 * HOUR
    answer = browser.visit.sign_in(location, "rose")
    said(house, auth_time=int(morning))
    assert browser.come_back(answer).status_code == 303
    assert house.session("rose").auth_time == int(morning)


def test_applications_hear_when_people_signed_in_at_the_provider(
    applications: tuple[House, Provider],
) -> None:
    house, provider = applications
    browser = house.browser()
    morning = int(house.gateway.clock.now()) - 4 * HOUR
    location = browser.visit.sign_in(sent_elsewhere(browser, provider.url()), "rose")
    said(house, auth_time=morning)
    back = browser.come_back(location)
    told = provider.told(browser.client.get(back.headers["Location"]))
    tokens = provider.exchange(told["code"]).get_json()
    assert claims_of(tokens["id_token"])["auth_time"] == morning
    assert claims_of(tokens["access_token"])["auth_time"] == morning
    told = provider.told(browser.client.get(provider.url(max_age=str(5 * HOUR))))
    assert "code" in told
    told = provider.told(browser.client.get(provider.url(max_age=str(HOUR), prompt="none")))
    assert told["error"] == "login_required"
    location = sent_elsewhere(browser, provider.url(max_age=str(HOUR)))
    assert (parameter(location, "max_age"), parameter(location, "prompt")) == ("0", "login")
    back = browser.come_back(browser.visit.sign_in(location, "rose"))
    wanted = browser.client.get(back.headers["Location"]).headers["Location"]
    assert "code" in provider.told(browser.client.get(wanted))
    assert house.session("rose").auth_time >= house.gateway.clock.now() - 60


def test_whoever_takes_the_wish_out_of_the_address_is_not_let_in(
    applications: tuple[House, Provider],
) -> None:
    """They have a session at the provider, and come back without having signed in."""
    house, provider = applications
    browser = house.browser()
    browser.sign_in("rose")
    house.gateway.clock.advance(1)
    before = house.gateway.parts.store.sessions.all()
    location = sent_elsewhere(browser, provider.url(prompt="login"))
    answer = browser.visit.follow(changed(location, prompt=None, max_age=None))
    assert answer.status_code == 303  # the provider asks for nothing
    said(house, auth_time=int(house.gateway.clock.now()) - 100)
    page = browser.come_back(answer.headers["Location"])
    assert (page.status_code, "You must sign in anew" in page.text) == (403, True)
    assert house.gateway.parts.store.sessions.all() == before


@pytest.mark.parametrize(("sub", "auth_time"), [("amy", None), ("rory", True), ("river", 0)])
def test_a_provider_that_does_not_say_when(house: House, sub: str, auth_time: Any) -> None:
    """It signs people in, but nobody anew; and nobody says for it when it was."""
    browser = house.browser()
    wanted = f"/login?since={int(house.gateway.clock.now())}&next=/"
    answer = browser.visit.sign_in(browser.begin(wanted), sub)
    said(house, auth_time=auth_time)
    assert browser.come_back(answer).status_code == 403
    answer = browser.visit.follow(browser.begin()).headers["Location"]
    said(house, auth_time=auth_time)
    assert browser.come_back(answer).status_code == 303
    assert house.session(sub).auth_time == 0


def test_a_consent_that_is_always_asked_for_is_asked_for_besides(build_house: BuildHouse) -> None:
    """Some providers give a refresh token only then (OIDC Core §11)."""
    browser = build_house({"parameters": {"prompt": "consent"}}).browser()
    asked = [browser.begin(), browser.begin("/login?since=1&next=/"), browser.begin(silent="1")]
    assert [parameter(location, "prompt") for location in asked] == ["consent", "login consent", "none"]


def test_a_new_sign_in_is_new_though_the_providers_clock_is_behind(house: House) -> None:
    browser = house.browser()
    since = int(house.gateway.clock.now())
    answer = browser.visit.sign_in(browser.begin(f"/login?since={since}&tried=1&next=/sessions"), "rose")
    said(house, auth_time=since - 50)
    back = browser.come_back(answer)
    assert browser.client.get(back.headers["Location"]).headers["Location"] == "/sessions"


@pytest.mark.parametrize(("sub", "ahead"), [("clara", HOUR), ("bill", 1e300)])
def test_nobody_signs_in_in_the_future(house: House, sub: str, ahead: float) -> None:
    browser = house.browser()
    answer = browser.visit.sign_in(browser.begin(), sub)
    said(house, auth_time=house.gateway.clock.now() + ahead)
    assert browser.come_back(answer).status_code == 303
    assert house.session(sub).auth_time == house.gateway.clock.now()
