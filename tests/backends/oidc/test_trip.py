"""The way to a real provider and back, and what goes wrong on it."""

from typing import Any

import pytest

from tests.backends.oidc.conftest import BuildHouse
from tests.backends.oidc.trips import CALLBACK, INSTANCE, House, parameter
from tests.gateway import BuildGateway
from tests.openid.provider import Provider


def test_there_and_back(build_house: BuildHouse) -> None:
    house = build_house()
    browser = house.browser()
    location = browser.begin("/sessions?x=1")
    assert parameter(location, "response_type") == "code"
    assert parameter(location, "code_challenge_method") == "S256"
    assert parameter(location, "redirect_uri") == CALLBACK
    back = browser.come_back(browser.visit.sign_in(location, "rose"))
    assert (back.status_code, back.headers["Location"]) == (303, "/sessions?x=1")
    person = house.person("rose")
    assert person.subject == f"{house.provider.issuer} rose"
    assert (person.uid, person.first("mail"), person.first("cn")) == (
        "rose",
        "rose@example.com",
        "Rose Tyler",
    )
    house.gateway.clock.advance(1000)  # a provider cannot be asked again: who it was goes on to count
    assert browser.signed_in()
    assert house.person("rose") == person


def test_a_living_session_at_the_provider_needs_no_page_there(house: House) -> None:
    browser = house.browser()
    browser.sign_in("rose")
    browser.client = house.gateway.client()
    back = browser.visit.follow(browser.begin())
    assert browser.come_back(back.headers["Location"]).status_code == 303
    assert browser.signed_in()


def test_several_tabs_at_once(house: House) -> None:
    browser = house.browser()
    tabs = [browser.begin(f"/sessions?tab={number}") for number in range(3)]
    for number in (1, 0, 2):
        back = browser.come_back(browser.visit.sign_in(tabs[number], "rose"))
        assert back.headers["Location"] == f"/sessions?tab={number}"


def test_rotated_keys(mortal: Provider, build_gateway: BuildGateway) -> None:
    """A real independent provider from npm (`oidc-provider`, started by the fixture) as upstream: the whole
    trip in a real browser, then: state of another browser, replayed code, nonce of another login, token of
    another client, rotated keys, algorithm confusion, provider down, a self-chosen `preferred_username` of an
    existing local user, back-channel logout ending our session within 2 s.
    """
    section = mortal.section(CALLBACK, settings={"clock_skew": "2m"})
    house = House(build_gateway({"backends": {INSTANCE: section}}), mortal)
    house.at_the_providers_time()
    assert house.browser().sign_in("rose").status_code == 303
    house.provider.control("keys")
    house.gateway.clock.advance(61)
    browser = house.browser()
    assert browser.sign_in("rose").status_code == 303
    assert browser.signed_in()


@pytest.mark.parametrize("algorithm", ["PS256", "ES256", "EdDSA"])
def test_other_algorithms(build_house: BuildHouse, algorithm: str) -> None:
    house = build_house(id_token_signed_response_alg=algorithm)
    browser = house.browser()
    assert browser.sign_in("rose").status_code == 303
    assert browser.signed_in()


def test_somebody_who_does_not_want_to(house: House) -> None:
    browser = house.browser()
    page = browser.sign_in("rose", refuse="1")
    assert page.status_code == 403
    assert "You were not signed in." in page.text
    assert "alert(1)" not in page.text


def test_claims_become_attributes_and_groups_by_expression(
    build_house: BuildHouse,
) -> None:
    roles = {"realm_access": {"roles": ["admin", "user"]}}
    settings = {
        "scopes": ["profile", "groups"],
        "groups": "claims.realm_access.roles",
        "attributes": {"title": '"Ms " + claims.family_name'},
    }
    house = build_house(settings)
    house.provider.control("person", sub="donna", claims=roles)
    assert house.browser().sign_in("donna").status_code == 303
    person = house.person("donna")
    assert person.groups == ("admin", "user")
    assert person.first("title") == "Ms Tyler"


@pytest.mark.parametrize("method", ["client_secret_post", "private_key_jwt", "none"])
def test_ways_to_say_who_we_are(build_house: BuildHouse, method: str) -> None:
    metadata: dict[str, Any] = {"token_endpoint_auth_method": method}
    settings: dict[str, Any] = {"client_auth": method}
    if method == "private_key_jwt":
        private, public = key_pair()
        metadata["jwks"] = {"keys": [{**public, "kid": "ours", "use": "sig"}]}
        settings |= {"client_key": private, "client_key_id": "ours"}
    house = build_house(settings, **metadata)
    assert house.browser().sign_in("rose").status_code == 303
    for check in house.gateway.parts.backends["example"].doctor():
        check.run()


def key_pair() -> tuple[str, dict[str, Any]]:
    from jwt.algorithms import RSAAlgorithm

    from issuer.keys.material import generate_private, private_pem

    private: Any = generate_private("rsa-2048")
    return private_pem(private), RSAAlgorithm.to_jwk(private.public_key(), as_dict=True)


def test_pages_elsewhere_are_gone_to_only_when_they_are_listed(build_house: BuildHouse) -> None:
    elsewhere = "https://login.example.com/start?x=1"
    for page_urls, status in (([], 503), (["https://login.example.com/"], 303)):
        house = build_house({"page_urls": page_urls})
        document = {"authorization_endpoint": elsewhere, "end_session_endpoint": elsewhere}
        house.provider.once("/.well-known/openid-configuration", merge=document)
        answer = house.browser().client.get(f"/login/{INSTANCE}")
        assert answer.status_code == status
        if status == 303:
            assert answer.headers["Location"].startswith(elsewhere + "&response_type=code&")
            policy = house.browser().client.get("/logout").headers["Content-Security-Policy"]
            assert "https://login.example.com" in policy


def test_less_is_asked_and_more_is_said(build_house: BuildHouse) -> None:
    """Without userinfo, and with parameters of the operator's."""
    settings = {"userinfo": False, "parameters": {"hd": "example.com", "ui_locales": "xx"}, "scopes": []}
    house = build_house(settings)
    browser = house.browser()
    location = browser.begin()
    assert (parameter(location, "hd"), parameter(location, "scope")) == ("example.com", "openid")
    house.provider.seen()
    assert browser.come_back(browser.visit.sign_in(location, "martha")).status_code == 303
    assert "GET /me" not in house.provider.seen()
    assert house.person("martha").attributes == {}


def test_two_providers_do_not_answer_for_each_other(provider: Provider, build_gateway: BuildGateway) -> None:
    """Each has its button and its way back."""
    other = CALLBACK.replace(f"/{INSTANCE}/", "/other/")
    sections = {INSTANCE: provider.section(CALLBACK), "other": provider.section(other)}
    sections["other"]["label"] = "The other one"
    house = House(build_gateway({"backends": sections}), provider)
    house.at_the_providers_time()
    browser = house.browser()
    page = browser.client.get("/login").text
    assert "Sign in with Example" in page
    assert "Sign in with The other one" in page
    answer = browser.visit.sign_in(browser.begin(), "rose")
    assert browser.come_back(answer.replace(CALLBACK, other)).status_code == 400
    assert browser.come_back(answer).status_code == 303
