"""Signing out: here and at the provider, and from the provider."""

import time
from typing import Any

import pytest

from issuer.backends.oidc.tokens import LOGOUT_EVENT
from issuer.testing import PUBLIC_URL
from tests.backends.oidc.conftest import BuildHouse
from tests.backends.oidc.trips import BACK_CHANNEL, INSTANCE, Browser, House, parameter


def claims_for(house: House, login: str = "rose", **changes: Any) -> dict[str, Any]:
    """What a provider says of a session of a person; None takes a claim away."""
    row = house.gateway.parts.store.sessions.of_uid(login)[0]
    now = int(time.time())
    claims = {
        "iss": house.provider.issuer,
        "aud": house.gateway.parts.backends[INSTANCE].settings.client_id,
        "sub": row.identity.subject.partition(" ")[2],
        "sid": row.upstream_sid,
        "jti": f"{time.monotonic_ns()}",
        "iat": now,
        "exp": now + 120,
        "events": {LOGOUT_EVENT: {}},
        **changes,
    }
    return {name: value for name, value in claims.items() if value is not None}


def send(house: House, claims: dict[str, Any], **header: Any) -> Any:
    header = {"typ": "logout+jwt", **header}
    token = house.provider.control("token", header=header, claims=claims)
    return house.gateway.client().post(BACK_CHANNEL, data={"logout_token": token})


def signed_in(house: House, *logins: str) -> list[Browser]:
    browsers = [house.browser() for _ in logins]
    for browser, login in zip(browsers, logins, strict=True):
        assert browser.sign_in(login).status_code == 303
    return browsers


def test_one_session_is_ended_by_its_sid(house: House) -> None:
    browsers = signed_in(house, "rose", "rose")
    answer = send(house, claims_for(house))
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store")
    assert sorted(browser.signed_in() for browser in browsers) == [False, True]


def test_all_sessions_are_ended_by_sub(house: House) -> None:
    jack, *browsers = signed_in(house, "jack", "rose", "rose")
    assert send(house, claims_for(house, sid=None)).status_code == 200
    assert [browser.signed_in() for browser in browsers] == [False, False]
    assert jack.signed_in()


def test_a_session_without_a_sid_is_ended_by_sub(build_house: BuildHouse) -> None:
    """The provider gave no `sid` with the ID token, and names one when it signs out."""
    house = build_house()
    jack, browser = signed_in(house, "jack", "rose")
    assert send(house, claims_for(house, sid="of which we never heard")).status_code == 200
    assert not browser.signed_in()
    assert jack.signed_in()


def test_a_logout_token_counts_once(house: House) -> None:
    signed_in(house, "rose")
    claims = claims_for(house, sid=None)
    assert send(house, claims).status_code == 200
    (browser,) = signed_in(house, "rose")
    answer = send(house, claims)
    assert (answer.status_code, answer.json) == (400, {"error": "invalid_request"})
    assert browser.signed_in()


def test_a_logout_token_counts_once_for_as_long_as_it_may_count(build_house: BuildHouse) -> None:
    """However far the clocks may be apart: it comes at the first moment, and again at the last."""
    house = build_house({"clock_skew": "10m"})
    clock = house.gateway.clock
    signed_in(house, "rose")
    issued = int(clock.now())
    claims = claims_for(house, sid=None, iat=issued, exp=issued + 3000)
    clock.time = issued - 599
    assert send(house, claims).status_code == 200
    clock.time = issued + 899
    assert send(house, claims).status_code == 400
    assert send(house, {**claims, "jti": "another"}).status_code == 200  # the moment is not what is wrong


@pytest.mark.parametrize(
    ("changes", "header"),
    [
        ({"iss": "http://localhost:1"}, {}),
        ({"aud": "another"}, {}),
        ({"iat": 1}, {}),
        ({"exp": 1}, {}),
        ({"events": {}}, {}),
        ({"nonce": "x"}, {}),
        ({"jti": None}, {}),
        ({"sub": None, "sid": None}, {}),
        ({}, {"alg": "none"}),
        ({}, {"typ": "at+jwt"}),
        ({}, {"kid": "unknown"}),
    ],
    ids=str,
)
def test_what_is_no_logout_token_ends_nothing(
    house: House, changes: dict[str, Any], header: dict[str, Any]
) -> None:
    (browser,) = signed_in(house, "rose")
    assert send(house, claims_for(house, **changes), **header).status_code == 400
    assert browser.signed_in()


def test_an_id_token_ends_nothing(house: House) -> None:
    browser = house.browser()
    house.provider.once("/token", keep="signed in")
    browser.sign_in("rose")
    token = house.provider.control("kept", name="signed in")["id_token"]
    answer = house.gateway.client().post(BACK_CHANNEL, data={"logout_token": token})
    assert answer.status_code == 400
    assert house.gateway.client().post(BACK_CHANNEL).status_code == 400
    assert browser.signed_in()


def test_signing_out_here_signs_out_there(house: House) -> None:
    (browser,) = signed_in(house, "rose")
    answer = browser.client.post("/logout", headers={"Sec-Fetch-Site": "same-origin"})
    location = answer.headers["Location"]
    assert location.startswith(f"{house.provider.issuer}/session/end?")
    assert "id_token_hint" not in location
    assert parameter(location, "client_id") == house.gateway.parts.backends[INSTANCE].settings.client_id
    assert not browser.signed_in()
    assert browser.visit.sign_out(location) == f"{PUBLIC_URL}logout"
    assert "<form" in browser.visit.follow(browser.begin()).text  # it asks who this is
    policy = answer.headers["Content-Security-Policy"]
    assert f"form-action 'self' {house.provider.issuer};" in policy


def test_signing_out_here_alone(build_house: BuildHouse) -> None:
    house = build_house({"sign_out": False})
    (browser,) = signed_in(house, "rose")
    answer = browser.client.post("/logout", headers={"Sec-Fetch-Site": "same-origin"})
    assert answer.headers["Location"] == "/logout"
    assert not browser.signed_in()


def test_our_session_ends_with_the_sign_in_at_the_provider(build_house: BuildHouse) -> None:
    house = build_house({"session_lifetime": "10m"})
    clock = house.gateway.clock
    (browser,) = signed_in(house, "rose")
    clock.advance(599)
    assert browser.signed_in()
    clock.advance(2)
    assert not browser.signed_in()


def test_a_sign_in_at_the_provider_that_is_too_old_is_not_taken(build_house: BuildHouse) -> None:
    house = build_house({"session_lifetime": "10m"})
    for claims in ({"auth_time": int(time.time()) - 700}, {"auth_time": None}):
        browser = house.browser()
        location = browser.begin()
        assert parameter(location, "max_age") == "600"
        answer = browser.visit.sign_in(location, "rose")
        house.provider.once("/token", token={"claims": claims})
        assert browser.come_back(answer).status_code == 502
        assert not browser.signed_in()
