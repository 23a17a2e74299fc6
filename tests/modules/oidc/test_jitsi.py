"""Jitsi's own sign-in page: the access token is itself a Jitsi token."""

import json
from typing import Any
from urllib.parse import quote

import jwt
import pytest

from issuer.jitsi.verdict import JitsiServer, judge_token
from tests.modules.oidc.conftest import MakeProvider
from tests.modules.oidc.provider import Provider, claims_of

SSO = "https://meet.example.com/static/sso.html"
ORIGIN = "https://meet.example.com"
CLIENT = {"kind": "jitsi", "redirect_uris": [SSO], "trusted": True}
JITSI: dict[str, Any] = {
    "server_url": ORIGIN,
    "app_id": "jitsi",
    "algorithm": "RS256",
    "rule": "room != 'secret'",
    "user": {"affiliation": 'inGroup("timelords") ? "owner" : "member"'},
}
STATE = json.dumps({"room": "My Room", "roomSafe": "my%20room", "tenant": "", "config.prejoin": True})
ASKED = {"redirect_uri": SSO, "scope": "openid", "state": STATE, "nonce": "n-0S6"}


@pytest.fixture
def provider(make_provider: MakeProvider) -> Provider:
    return make_provider(clients={"meet": CLIENT}, modules={"jitsi": JITSI})


def findings(provider: Provider, token: str, room: str) -> list[str]:
    """What Jitsi would say against a token."""
    keys = provider.gateway.parts.keys

    def fetch_key(kid: str) -> bytes | None:
        found = keys.by_kid(kid)
        return found.pem if found and found.use == "jitsi" else None

    server = JitsiServer(
        issuers=["https://auth.example.com/"],
        audiences=["jitsi"],
        algorithm="RS256",
        fetch_key=fetch_key,
        room=room,
    )
    return [f.text for f in judge_token(token, server, provider.gateway.clock.now()) if not f.ok]


def test_the_access_token_is_a_jitsi_token_for_the_room_of_the_state(provider: Provider) -> None:
    browser = provider.gateway.sign_in("dwho")
    told = provider.told(browser.get(provider.url("meet", **ASKED)))
    assert told["state"] == STATE
    tokens = provider.exchange(told["code"], "meet", redirect_uri=SSO).get_json()
    assert jwt.get_unverified_header(tokens["access_token"])["typ"] == "JWT"
    claims = claims_of(tokens["access_token"])
    assert claims["room"] == "my%20room"
    assert claims["context"]["user"]["affiliation"] == "owner"
    assert findings(provider, tokens["access_token"], "my%20room") == []
    assert claims_of(tokens["id_token"])["nonce"] == "n-0S6"
    assert tokens["refresh_token"]


def test_a_refresh_runs_the_rule_again_and_has_an_id_token(
    provider: Provider,
) -> None:
    from issuer.backends.local import LocalUsers

    first = provider.tokens(provider.gateway.sign_in("dwho"), "meet", **ASKED)
    LocalUsers(provider.gateway.parts.services).change("dwho", {}, groups=("users",))
    second = provider.refresh(first["refresh_token"], "meet").get_json()
    claims = claims_of(second["access_token"])
    assert (claims["room"], claims["context"]["user"]["affiliation"]) == ("my%20room", "member")
    assert claims_of(second["id_token"])["aud"] == "meet"
    assert findings(provider, second["access_token"], "my%20room") == []


def test_of_the_state_only_the_room_is_kept(provider: Provider) -> None:
    """Jitsi's page lays the refresh token that it has into the state of the next sign-in."""
    state = json.dumps({**json.loads(STATE), "tenant": "school", "refreshToken": "r3fr3sh-t0k3n"})
    asked = {**ASKED, "state": state}
    browser = provider.gateway.sign_in("dwho")
    told = provider.told(browser.get(provider.url("meet", **asked)))
    assert told["state"] == state
    data = provider.gateway.parts.settings.data_dir
    assert not any(b"r3fr3sh-t0k3n" in file.read_bytes() for file in data.glob("issuer.db*"))
    first = provider.exchange(told["code"], "meet", redirect_uri=SSO).get_json()
    second = provider.refresh(first["refresh_token"], "meet").get_json()
    for tokens in (first, second):
        claims = claims_of(tokens["access_token"])
        assert (claims["room"], claims["sub"]) == ("my%20room", "school")


def test_sign_out_ends_the_family(provider: Provider) -> None:
    browser = provider.gateway.sign_in("dwho")
    tokens = provider.tokens(browser, "meet", **ASKED)
    browser.post("/logout", headers={"Sec-Fetch-Site": "same-origin"})
    assert provider.refresh(tokens["refresh_token"], "meet").get_json()["error"] == "invalid_grant"


@pytest.mark.parametrize("state", ["a random text", "", "4711", "{}", "{state}", '{"ios": true}', "[1]"])
def test_a_state_without_a_room_means_every_room_if_the_rule_allows_it(
    make_provider: MakeProvider, state: str
) -> None:
    allowed = {**JITSI, "wildcard_room": 'inGroup("timelords")'}
    provider = make_provider(clients={"meet": CLIENT}, modules={"jitsi": allowed})
    asked = {**ASKED, "state": state or None}
    tokens = provider.tokens(provider.gateway.sign_in("dwho"), "meet", **asked)
    assert claims_of(tokens["access_token"])["room"] == "*"
    assert findings(provider, tokens["access_token"], "whatever") == []
    told = provider.told(provider.gateway.sign_in("rtyler").get(provider.url("meet", **asked)))
    assert told["error"] == "access_denied"


@pytest.mark.parametrize(
    ("state", "error"),
    [
        ({"room": "secret"}, "access_denied"),
        ({"room": "a/b"}, "invalid_request"),
        ({"room": "*"}, "invalid_request"),
        ({"room": "x", "tenant": "a.b"}, "invalid_request"),
    ],
)
def test_rooms_that_may_not_be_give_no_code(provider: Provider, state: dict[str, str], error: str) -> None:
    asked = {**ASKED, "state": json.dumps(state)}
    told = provider.told(provider.gateway.sign_in("dwho").get(provider.url("meet", **asked)))
    assert told["error"] == error
    assert "code" not in told


def test_jitsis_page_may_read_the_answers_and_no_other(provider: Provider) -> None:
    client = provider.gateway.client()
    preflight = client.options("/oidc/token", headers={"Origin": ORIGIN})
    assert preflight.headers["Access-Control-Allow-Origin"] == ORIGIN
    for origin, allowed in ((ORIGIN, ORIGIN), ("https://evil.example", None), ("null", None)):
        answer = client.post(
            "/oidc/token",
            data=f"grant_type=refresh_token&refresh_token=x&client_id=meet&redirect_uri={quote(SSO)}",
            content_type="application/x-www-form-urlencoded",
            headers={"Origin": origin},
        )
        assert answer.headers.get("Access-Control-Allow-Origin") == allowed


def test_no_page_on_the_way_cuts_the_popup_off_from_its_opener(provider: Provider) -> None:
    way = provider.url("meet", **ASKED)
    for browser in (provider.gateway.client(), provider.gateway.sign_in("dwho")):
        assert "Cross-Origin-Opener-Policy" not in browser.get(way).headers
    assert "Cross-Origin-Opener-Policy" not in provider.gateway.client().get("/login").headers


def test_a_client_of_an_instance_that_is_not_there_stops_the_start(make_provider: MakeProvider) -> None:
    from issuer.settings.problems import ConfigError

    with pytest.raises(ConfigError, match=r"modules\.oidc\.clients\.meet\.jitsi"):
        make_provider(clients={"meet": {**CLIENT, "jitsi": "oidc"}}, modules={"jitsi": JITSI})
