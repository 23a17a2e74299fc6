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
