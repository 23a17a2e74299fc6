"""What goes wrong on the way, and what people do to others. After each, an honest sign-in still works."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.backends.oidc.conftest import BuildHouse
from tests.backends.oidc.trips import House, changed, parameter, pending_cookie


@pytest.fixture(autouse=True)
def _an_honest_sign_in_works(house: House) -> Iterator[None]:
    """So that what is refused is refused for what is wrong with it."""
    yield
    assert house.browser().sign_in("rose").status_code == 303


def test_the_state_of_another_browser(house: House) -> None:
    """A real independent provider from npm (`oidc-provider`, started by the fixture) as upstream: the whole
    trip in a real browser, then: state of another browser, replayed code, nonce of another login, token of
    another client, rotated keys, algorithm confusion, provider down, a self-chosen `preferred_username` of an
    existing local user, back-channel logout ending our session within 2 s.
    """
    mine, theirs = house.browser(), house.browser()
    answer = mine.visit.sign_in(mine.begin(), "rose")
    theirs.begin()
    assert theirs.come_back(answer).status_code == 400
    assert not theirs.signed_in()
    assert mine.come_back(answer).status_code == 303


@pytest.mark.parametrize("state", [None, "", "x" * 22, "../x", "a;b=c", "\n"])
def test_a_state_that_is_none(house: House, state: str | None) -> None:
    browser = house.browser()
    answer = browser.visit.sign_in(browser.begin(), "rose")
    assert browser.come_back(changed(answer, state=state)).status_code == 400
    assert not browser.signed_in()


def test_a_replayed_code(house: House) -> None:
    """A real independent provider from npm (`oidc-provider`, started by the fixture) as upstream: the whole
    trip in a real browser, then: state of another browser, replayed code, nonce of another login, token of
    another client, rotated keys, algorithm confusion, provider down, a self-chosen `preferred_username` of an
    existing local user, back-channel logout ending our session within 2 s.
    """
    browser = house.browser()
    answer = browser.visit.sign_in(browser.begin(), "rose")
    assert browser.come_back(answer).status_code == 303
    assert browser.come_back(answer).status_code == 400  # the sign-in is over
    another = house.browser()
    fresh = another.begin()
    stolen = changed(answer, state=parameter(fresh, "state"))
    assert another.come_back(stolen).status_code == 502  # the provider does not take a code twice
    assert not another.signed_in()


def test_a_stolen_code_is_of_no_use_without_its_verifier(house: House) -> None:
    victim, thief = house.browser(), house.browser()
    answer = victim.visit.sign_in(victim.begin(), "rose")
    injected = changed(answer, state=parameter(thief.begin(), "state"))
    assert thief.come_back(injected).status_code == 502
    assert not thief.signed_in()


def test_a_cookie_that_a_thief_wrote(house: House) -> None:
    """Neither a changed one, nor one of another sign-in, lets a code in that was somebody else's."""
    victim = house.browser()
    location = victim.begin()
    answer = victim.visit.sign_in(location, "rose")
    cookie = victim.client.get_cookie(pending_cookie(parameter(location, "state")))
    assert cookie
    thief = house.browser()
    state = parameter(thief.begin(), "state")
    for value in (cookie.value, cookie.value[:-1], cookie.value.swapcase()):
        thief.client.set_cookie(pending_cookie(state), value, secure=True)
        assert thief.come_back(changed(answer, state=state)).status_code == 400
        assert not thief.signed_in()


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"claims": {"nonce": "of-another-login"}}, "nonce"),
        ({"claims": {"nonce": None}}, "nonce"),
        ({"claims": {"iss": "http://localhost:1"}}, "iss"),
        ({"claims": {"aud": "another-client"}}, "aud"),
        ({"claims": {"azp": "another-client"}}, "azp"),
        ({"claims": {"exp": 1}}, "exp"),
        ({"claims": {"iat": 1}}, "older than the sign-in"),
        ({"claims": {"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"}}, "at_hash"),
        ({"claims": {"sub": None}}, "sub"),
        ({"header": {"alg": "none"}}, "algorithm"),
        ({"header": {"kid": "unknown"}}, "does not publish"),
        ({"id_token": "no token"}, "cannot be read"),
    ],
    ids=str,
)
def test_an_id_token_that_answers_something_else(
    house: House, changes: dict[str, Any], says: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Each signed by the provider itself, where it is signed at all."""
    browser = house.browser()
    answer = browser.visit.sign_in(browser.begin(), "rose")
    house.provider.once("/token", token=changes)
    with caplog.at_level("INFO"):
        page = browser.come_back(answer)
    assert page.status_code == 502
    assert "not accepted here" in page.text
    assert says in caplog.text
    assert "rose" not in caplog.text
    assert not browser.signed_in()


def test_the_nonce_of_another_login(house: House, caplog: pytest.LogCaptureFixture) -> None:
    """A real independent provider from npm (`oidc-provider`, started by the fixture) as upstream: the whole
    trip in a real browser, then: state of another browser, replayed code, nonce of another login, token of
    another client, rotated keys, algorithm confusion, provider down, a self-chosen `preferred_username` of an
    existing local user, back-channel logout ending our session within 2 s.
    """
    browser = house.browser()
    house.provider.once("/token", keep="first")
    browser.sign_in("rose")
    again = house.browser()
    answer = again.visit.sign_in(again.begin(), "rose")
    house.provider.once("/token", kept="first")
    with caplog.at_level("INFO"):
        assert again.come_back(answer).status_code == 502
    assert "InvalidClaimError nonce" in caplog.text
    assert not again.signed_in()


def test_the_token_of_another_client(
    house: House, build_house: BuildHouse, caplog: pytest.LogCaptureFixture
) -> None:
    """A real independent provider from npm (`oidc-provider`, started by the fixture) as upstream: the whole
    trip in a real browser, then: state of another browser, replayed code, nonce of another login, token of
    another client, rotated keys, algorithm confusion, provider down, a self-chosen `preferred_username` of an
    existing local user, back-channel logout ending our session within 2 s.
    """
    other = build_house()
    house.provider.once("/token", keep="other")
    assert other.browser().sign_in("rose").status_code == 303
    browser = house.browser()
    answer = browser.visit.sign_in(browser.begin(), "rose")
    house.provider.once("/token", kept="other")
    with caplog.at_level("INFO"):
        assert browser.come_back(answer).status_code == 502
    assert "InvalidClaimError aud" in caplog.text
    assert not browser.signed_in()


def test_algorithm_confusion(house: House, caplog: pytest.LogCaptureFixture) -> None:
    """A real independent provider from npm (`oidc-provider`, started by the fixture) as upstream: the whole
    trip in a real browser, then: state of another browser, replayed code, nonce of another login, token of
    another client, rotated keys, algorithm confusion, provider down, a self-chosen `preferred_username` of an
    existing local user, back-channel logout ending our session within 2 s.
    """
    for confusion in ("public key", "client secret"):
        browser = house.browser()
        answer = browser.visit.sign_in(browser.begin(), "rose")
        section = house.gateway.parts.backends["example"].settings
        secret = section.client_secret.get_secret_value()
        house.provider.once("/token", confuse=confusion, secret=secret)
        caplog.clear()
        with caplog.at_level("INFO"):
            assert browser.come_back(answer).status_code == 502
        assert "an algorithm that is not taken" in caplog.text
        assert not browser.signed_in()


def test_a_shared_secret_as_signature_is_never_taken(build_house: BuildHouse) -> None:
    house = build_house(id_token_signed_response_alg="HS256")
    browser = house.browser()
    assert browser.sign_in("rose").status_code == 502
    assert not browser.signed_in()


@pytest.mark.parametrize("iss", [None, "http://localhost:1", ""])
def test_the_answer_of_another_provider(house: House, iss: str | None) -> None:
    """Mix-up: the provider announces that its answers carry `iss` (RFC 9207)."""
    browser = house.browser()
    answer = browser.visit.sign_in(browser.begin(), "rose")
    assert browser.come_back(changed(answer, iss=iss)).status_code == 502
    assert not browser.signed_in()


def test_a_parameter_that_comes_twice(house: House) -> None:
    browser = house.browser()
    answer = browser.visit.sign_in(browser.begin(), "rose")
    assert browser.come_back(answer + "&code=x").status_code == 400
    assert not browser.signed_in()


def test_what_a_provider_writes_is_not_shown(house: House) -> None:
    for error in ("<b>x</b>", "interaction_required", "a\nb", "x" * 5000):
        browser = house.browser()
        answer = changed(browser.visit.sign_in(browser.begin(), "rose"), code=None)
        page = browser.come_back(changed(answer, error=error, error_description="<i>y</i>"))
        assert page.status_code == 403
        assert error not in page.text
        assert "<i>" not in page.text


@pytest.mark.parametrize(
    "answer",
    [
        {"status": 500, "body": "<h1>oops</h1>"},
        {"status": 200, "body": "no json"},
        {"status": 200, "body": []},
        {"status": 400, "body": {"error": "invalid_client", "error_description": 'no "such" client\r\n'}},
        {"status": 200, "body": {"access_token": "x", "token_type": "Bearer"}},
        {"status": 200, "body": {"id_token": 7, "access_token": "x"}},
    ],
    ids=str,
)
def test_a_token_endpoint_that_gives_no_tokens(house: House, answer: dict[str, Any]) -> None:
    browser = house.browser()
    back = browser.visit.sign_in(browser.begin(), "rose")
    house.provider.once("/token", **answer)
    assert browser.come_back(back).status_code in {502, 503}
    assert not browser.signed_in()


@pytest.mark.parametrize(
    "answer",
    [{"merge": {"sub": "somebody-else"}}, {"status": 500, "body": "oops"}, {"body": ["sub"]}],
    ids=str,
)
def test_userinfo_that_is_not_this_persons(house: House, answer: dict[str, Any]) -> None:
    browser = house.browser()
    back = browser.visit.sign_in(browser.begin(), "rose")
    house.provider.once("/me", **answer)
    assert browser.come_back(back).status_code in {502, 503}
    assert not browser.signed_in()


def test_a_user_name_of_an_existing_local_user(house: House) -> None:
    """A real independent provider from npm (`oidc-provider`, started by the fixture) as upstream: the whole
    trip in a real browser, then: state of another browser, replayed code, nonce of another login, token of
    another client, rotated keys, algorithm confusion, provider down, a self-chosen `preferred_username` of an
    existing local user, back-channel logout ending our session within 2 s.
    """
    house.provider.control("person", sub="mallory", claims={"preferred_username": "DWho"})
    browser = house.browser()
    assert browser.sign_in("mallory").status_code == 403
    assert not browser.signed_in()


def test_an_address_that_nobody_verified_is_no_mail(house: House) -> None:
    house.provider.control(
        "person", sub="jack", claims={"email": "rose@example.com", "email_verified": False}
    )
    assert house.browser().sign_in("jack").status_code == 303
    person = house.person("jack")
    assert "mail" not in person.attributes
    assert "rose@example.com" not in json.dumps([*person.attributes.values()])
