"""People are read again at a real provider, with the refresh token of their sign-in."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from issuer.store.repositories.upstream_grants import MOST
from tests.backends.oidc.conftest import BuildHouse
from tests.backends.oidc.trips import INSTANCE, Browser, House
from tests.modules.oidc.provider import CLIENTS, Provider

GRANTS = ["authorization_code", "refresh_token"]
MEETING = "/jitsi/login?room=board"
JITSI = {"server_url": "https://meet.example.com", "app_id": "jitsi", "algorithm": "RS256"}
STAFF = {"modules": {"jitsi": {**JITSI, "rule": 'inGroup("staff")'}}}
AFTER = 301


@pytest.fixture
def build(build_house: BuildHouse) -> BuildHouse:
    """Builds a gateway for a client that gets refresh tokens: each counts once, as the provider is set up."""

    def build(settings: dict[str, Any] | None = None, **more: Any) -> House:
        wanted = {"scopes": ["profile", "email", "groups"], **(settings or {})}
        return build_house(wanted, **{"data": STAFF, "grant_types": GRANTS, **more})

    return build


def signed_in(house: House, sub: str, **claims: Any) -> Browser:
    house.provider.control("person", sub=sub, claims=claims)
    browser = house.browser()
    assert browser.sign_in(sub).status_code == 303
    return browser


def meets(browser: Browser) -> int:
    """What somebody gets who wants to go to a meeting: 302 is a token."""
    return browser.client.get(MEETING).status_code


def later(house: House, seconds: float = AFTER) -> None:
    house.gateway.clock.advance(seconds)
    house.provider.seen()


def test_people_are_read_again_before_a_token(build: BuildHouse) -> None:
    house = build()
    browser = signed_in(house, "ianto")
    assert meets(browser) == 302
    house.provider.control("person", sub="ianto", claims={"groups": ["guests"], "name": "Ianto J."})
    later(house, 299)
    assert meets(browser) == 302
    assert house.provider.seen() == []
    later(house, 2)
    assert meets(browser) == 403
    assert house.provider.seen() == ["POST /token", "GET /me"]
    assert house.person("ianto").groups == ("guests",)
    house.provider.control("person", sub="ianto", claims={})
    for _ in range(3):  # each refresh token counts once
        later(house)
        assert meets(browser) == 302


def test_whoever_is_gone_from_the_provider_gets_no_token(build: BuildHouse) -> None:
    house = build()
    browsers = [signed_in(house, "owen") for _ in range(2)]
    later(house)
    assert meets(browsers[0]) == 302
    house.provider.control("gone", sub="owen")
    later(house)
    answer = browsers[0].client.get(MEETING)
    assert (answer.status_code, "jwt=" in answer.headers["Location"]) == (303, False)
    assert house.gateway.parts.store.sessions.all() == []
    assert not browsers[1].signed_in()


def test_whoever_is_gone_has_no_refresh_token_of_ours_either(build: BuildHouse) -> None:
    """Nor later, when their sessions and all that was kept have ended."""
    house = build(data={"modules": {"oidc": {"clients": CLIENTS}}})
    provider = Provider(house.gateway)
    browser = signed_in(house, "suzie")
    first, second = (provider.tokens(browser.client, "app") for _ in range(2))
    later(house)
    renewed = provider.refresh(first["refresh_token"], "app")
    assert renewed.status_code == 200
    house.provider.control("gone", sub="suzie")
    for token in (renewed.get_json()["refresh_token"], second["refresh_token"]):
        later(house)
        assert provider.refresh(token, "app").status_code == 400


def test_a_provider_that_is_down_gives_nobody_a_token_and_signs_nobody_out(build: BuildHouse) -> None:
    house = build()
    browser = signed_in(house, "tosh", groups=["staff"])
    for answer in (
        {"status": 500, "body": "oops"},
        {"status": 400, "body": {"error": "invalid_client"}},
        {"status": 200, "body": {"token_type": "Bearer"}},
        {"status": 200, "body": {"access_token": "x", "id_token": "no token"}},
    ):
        later(house)
        house.provider.once("/token", **answer)
        assert meets(browser) == 503
        house.provider.once("/token", **answer)
        assert browser.signed_in()
    assert house.gateway.parts.store.sessions.all()


def test_a_refresh_token_that_was_answered_is_not_lost_with_the_userinfo(build: BuildHouse) -> None:
    house = build()
    browser = signed_in(house, "gwen")
    later(house)
    house.provider.once("/me", status=500, body="oops")
    assert meets(browser) == 503
    assert meets(browser) == 302


@pytest.mark.parametrize("claims", [{"sub": "rose"}, {"aud": "another"}, {"exp": 1}], ids=str)
def test_an_answer_about_somebody_else_counts_for_nobody(build: BuildHouse, claims: dict[str, Any]) -> None:
    house = build({"userinfo": False})
    house.provider.control("person", sub="rhys", claims={})
    browser = house.browser()
    assert browser.sign_in("rhys").status_code == 303
    later(house)
    house.provider.once("/token", token={"claims": claims})
    assert meets(browser) == 503
    assert {row.identity.uid for row in house.gateway.parts.store.sessions.all()} == {"rhys"}


def test_many_requests_at_once_use_a_refresh_token_one_after_the_other(build: BuildHouse) -> None:
    """A second use of one would end everything: the provider takes it for theft."""
    house = build()
    browsers = [signed_in(house, "andy") for _ in range(6)]
    for _ in range(2):
        later(house)
        with ThreadPoolExecutor(len(browsers)) as threads:
            assert set(threads.map(meets, browsers)) == {302}
    assert len(house.gateway.parts.store.upstream_grants.of(INSTANCE, subject(house, "andy"))) == MOST


def subject(house: House, sub: str) -> str:
    return f"{house.provider.issuer} {sub}"


def test_one_sign_in_that_ended_there_does_not_end_the_others(build: BuildHouse) -> None:
    house = build()
    first, second = (signed_in(house, "lois") for _ in range(2))
    location = f"{house.provider.issuer}/session/end"
    second.visit.sign_out(location)
    later(house)
    assert meets(first) == 302
    first.visit.sign_out(location)
    later(house)
    assert meets(first) == 303


def test_who_signs_in_anew_is_read_again_anew(build: BuildHouse) -> None:
    house = build()
    browser = signed_in(house, "alice")
    browser.visit.sign_out(f"{house.provider.issuer}/session/end")
    later(house)
    assert meets(browser) == 303
    house.at_the_providers_time()
    browser = signed_in(house, "alice")
    later(house)
    assert meets(browser) == 302


def test_what_is_kept_tells_nothing(build: BuildHouse, caplog: pytest.LogCaptureFixture) -> None:
    """Sealed under the client's secret: another one opens nothing, and everybody signs in anew."""
    house = build()
    house.provider.once("/token", keep="tokens")
    with caplog.at_level("DEBUG"):
        browser = signed_in(house, "bilis")
        later(house)
        assert meets(browser) == 302
    token = house.provider.control("kept", name="tokens")["refresh_token"]
    assert token not in caplog.text
    for file in (house.gateway.parts.settings.data_dir).iterdir():
        assert token.encode() not in file.read_bytes()
    (grant,) = house.gateway.parts.store.upstream_grants.of(INSTANCE, subject(house, "bilis"))
    assert b"bilis" not in (grant.sealed or b"")
    renewal = house.gateway.parts.backends[INSTANCE]._renewal  # type: ignore[attr-defined]
    renewal._sealer = type(renewal._sealer)("another secret", b"x", house.gateway.parts.world.randomness)
    later(house)
    assert meets(browser) == 303


def test_without_a_refresh_token_the_sign_in_counts_until_the_session_ends(
    build: BuildHouse, caplog: pytest.LogCaptureFixture
) -> None:
    house = build({"session_lifetime": "1h"}, grant_types=["authorization_code"])
    browser = signed_in(house, "dodo")
    assert "no refresh token, so nobody is read again" in caplog.text
    house.provider.control("gone", sub="dodo")
    later(house, 3400)
    assert meets(browser) == 302
    later(house, 300)
    assert meets(browser) == 303
    assert [*house.gateway.parts.warnings()] == []


def test_refresh_tokens_can_be_left_alone(build: BuildHouse) -> None:
    house = build({"refresh_tokens": False})
    browser = signed_in(house, "mel")
    later(house)
    assert meets(browser) == 302
    assert house.provider.seen() == []
    assert house.gateway.parts.store.upstream_grants.of(INSTANCE, subject(house, "mel")) == []
    (warning,) = house.gateway.parts.warnings()
    assert "nobody is read again here" in warning


def test_a_name_that_only_the_sign_in_said_stays(build: BuildHouse) -> None:
    """Userinfo may say less than the ID token of the sign-in did."""
    house = build()
    browser = house.browser()
    answer = browser.visit.sign_in(browser.begin(), "peri")
    house.provider.control("person", sub="peri", claims={"preferred_username": None})
    house.provider.once("/token", token={"claims": {"preferred_username": "perpugilliam"}})
    assert browser.come_back(answer).status_code == 303
    later(house)
    assert meets(browser) == 302
    assert house.person("perpugilliam").first("mail") == "peri@example.com"
