"""A provider that does not answer, and one that is asked by the doctor."""

from collections.abc import Callable
from typing import Any

import pytest

from issuer.backend import Backend
from issuer.backends.oidc.doctor import Trouble
from tests.backends.oidc.conftest import BuildHouse
from tests.backends.oidc.trips import CALLBACK, INSTANCE, Browser, House
from tests.gateway import BuildGateway
from tests.openid.provider import Provider


def test_a_provider_that_is_down(mortal: Provider, build_gateway: BuildGateway) -> None:
    """A real independent provider from npm (`oidc-provider`, started by the fixture) as upstream: the whole
    trip in a real browser, then: state of another browser, replayed code, nonce of another login, token of
    another client, rotated keys, algorithm confusion, provider down, a self-chosen `preferred_username` of an
    existing local user, back-channel logout ending our session within 2 s.
    """
    backends = {"local": {}, INSTANCE: mortal.section(CALLBACK)}
    gateway = build_gateway({"backends": backends}, users={"dwho": ()})
    house = House(gateway, mortal)
    house.at_the_providers_time()
    signed_in, on_the_way, late = house.browser(), house.browser(), house.browser()
    assert signed_in.sign_in("rose").status_code == 303
    answer = on_the_way.visit.sign_in(on_the_way.begin(), "rose")
    mortal.stop()

    assert_says_so(on_the_way, on_the_way.come_back(answer))
    assert signed_in.signed_in()  # nobody asks the provider for a session that began
    assert signed_in.client.post("/logout", headers={"Sec-Fetch-Site": "same-origin"}).status_code == 303
    assert not signed_in.signed_in()
    assert gateway.send_form(late.client, "dwho").status_code == 303
    assert late.signed_in()


def assert_says_so(browser: Browser, page: Any) -> None:
    assert page.status_code == 503
    assert "The service where you sign in does not answer." in page.text
    assert "choose another way to sign in" in page.text
    assert not browser.signed_in()


def test_a_provider_that_was_never_there(build_gateway: BuildGateway, provider: Provider) -> None:
    """And local users sign in, whether it is the default or not."""
    section = {**provider.section(CALLBACK), "issuer": "http://localhost:1"}
    data: dict[str, Any] = {"backends": {"local": {}, INSTANCE: section}}
    for sign_in in ({}, {"default": INSTANCE}):
        gateway = build_gateway({**data, "sign_in": sign_in}, users={"dwho": ()})
        browser = House(gateway, provider).browser()
        assert_says_so(browser, browser.client.get(f"/login/{INSTANCE}"))
        page = browser.client.get("/login")
        assert page.status_code == (503 if sign_in else 200)
        assert 'name="password"' in page.text
        assert gateway.send_form(browser.client, "dwho").status_code == 303
        assert browser.signed_in()


@pytest.mark.parametrize(
    "answer",
    [{"status": 503, "body": "x"}, {"body": "<html>"}, {"merge": {"issuer": "http://localhost:1"}}],
    ids=str,
)
def test_a_discovery_document_that_is_none(build_house: BuildHouse, answer: dict[str, Any]) -> None:
    """It is asked again after a moment, and not by everybody who clicks."""
    house = build_house()
    house.provider.once("/.well-known/openid-configuration", **answer)
    house.provider.seen()
    browser = house.browser()
    for _ in range(3):
        assert browser.client.get(f"/login/{INSTANCE}").status_code in {502, 503}
    assert house.provider.seen() == ["GET /.well-known/openid-configuration"]
    house.gateway.clock.advance(6)
    assert browser.sign_in("rose").status_code == 303


def test_what_is_known_of_a_provider_is_kept(build_house: BuildHouse) -> None:
    house = build_house()
    assert house.browser().sign_in("rose").status_code == 303
    house.provider.once("/.well-known/openid-configuration", status=503, body="x")
    house.gateway.clock.advance(3601)
    house.provider.seen()
    assert house.browser().begin()
    house.gateway.clock.advance(6)
    assert house.browser().begin()
    assert house.provider.seen() == ["GET /.well-known/openid-configuration"] * 2


def ailing(house: House, name: str) -> Callable[[], object]:
    backend: Backend = house.gateway.parts.backends[INSTANCE]
    return next(check.run for check in backend.doctor() if check.name == name)


def test_the_doctor_finds_a_healthy_provider(house: House) -> None:
    for check in house.gateway.parts.backends[INSTANCE].doctor():
        assert not check.offline
        check.run()


DISCOVERY, KEYS = "/.well-known/openid-configuration", "/jwks"


@pytest.mark.parametrize(
    ("name", "path", "answer", "says"),
    [
        ("discovery", DISCOVERY, {"status": 404, "body": "x"}, "status 404.*name resolution"),
        ("discovery", DISCOVERY, {"body": {"issuer": "x"}}, "authorization_endpoint.*OpenID Connect"),
        (
            "discovery",
            DISCOVERY,
            {"merge": {"issuer": "http://localhost:1/x"}},
            'issuer = "http://localhost:1/x"',
        ),
        ("discovery", DISCOVERY, {"merge": {"end_session_endpoint": "https://x.example/"}}, "page_urls"),
        ("keys", KEYS, {"status": 500, "body": "x"}, "RS256"),
        ("keys", KEYS, {"body": "x"}, "cannot be fetched"),
        ("keys", KEYS, {"body": {"keys": 1}}, "not a JWK Set"),
        ("keys", KEYS, {"body": {"keys": [{"kty": "oct", "k": "AAAA"}]}}, "RS256"),
        ("clock", DISCOVERY, {"headers": {"Date": "Wed, 25 Nov 2020 00:00:00 GMT"}}, "behind ours.*NTP"),
        ("client", "/token", {"status": 401, "body": {"error": "invalid_client"}}, "compare `client_id`"),
        ("client", "/token", {"status": 503, "body": "x"}, "name resolution"),
    ],
)
def test_the_doctor_says_what_to_do(
    build_house: BuildHouse, name: str, path: str, answer: dict[str, Any], says: str
) -> None:
    house = build_house()
    run = ailing(house, name)
    if path != DISCOVERY:
        house.browser().begin()  # so that the document is known
    house.provider.once(path, **answer)
    with pytest.raises(Trouble, match=f"(?s){says}"):
        run()


def test_the_doctor_sees_a_wrong_secret(build_house: BuildHouse) -> None:
    house = build_house({"client_secret": "of-another-client-or-an-older-one"})
    with pytest.raises(Trouble, match=r"invalid_client.*client_secret|invalid_client.*the secret"):
        ailing(house, "client")()


def test_the_doctor_cannot_reach_a_provider(build_gateway: BuildGateway, provider: Provider) -> None:
    section = {**provider.section(CALLBACK), "issuer": "http://localhost:1"}
    gateway = build_gateway({"backends": {INSTANCE: section}})
    house = House(gateway, provider)
    for name in ("discovery", "clock"):
        with pytest.raises(Trouble, match=r"upstream\.ca_file"):
            ailing(house, name)()
    for name in ("keys", "client"):
        with pytest.raises(Trouble, match="discovery document"):
            ailing(house, name)()
