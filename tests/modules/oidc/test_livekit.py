"""`POST /livekit/token` with an access token of ours."""

from typing import Any

from werkzeug.test import TestResponse

from tests.modules.oidc.conftest import MakeProvider
from tests.modules.oidc.provider import OURS, REDIRECT, SECRET, Provider, claims_of

CALLS = "https://calls.example.com"
LIVEKIT: dict[str, Any] = {
    "url": "wss://sfu.example.com",
    "api_key": "key",
    "api_secret": "54" + "2822d2b9d33a2a0a" * 3,
    "rule": 'inGroup("timelords")',
    "people": {"audience": CALLS, "identity_secret": "64" + "2822d2b9d33a2a0a" * 3},
}
CLIENT = {"secret": SECRET, "redirect_uris": [REDIRECT], "trusted": True, "resources": [CALLS]}
BODY = {"roomId": "board", "sceneId": "scene", "eventId": "event"}


def ask(provider: Provider, token: str) -> TestResponse:
    headers = {"Authorization": f"Bearer {token}"}
    return provider.gateway.client().post("/livekit/token", json=BODY, headers=headers)


def test_an_access_token_with_the_right_audience_opens_a_room(make_provider: MakeProvider) -> None:
    provider = make_provider(clients={"wiki": CLIENT}, modules={"livekit": LIVEKIT})
    browser = provider.gateway.sign_in("dwho")
    tokens = provider.tokens(browser, resource=CALLS)
    answer = ask(provider, tokens["access_token"])
    assert answer.status_code == 200, answer.get_data(as_text=True)
    assert claims_of(answer.get_json()["token"])["video"]["room"]
    assert ask(provider, tokens["id_token"]).status_code == 403
    other = provider.tokens(browser)["access_token"]
    assert ask(provider, other).status_code == 403
    stranger = provider.tokens(provider.gateway.sign_in("rtyler"), resource=CALLS)["access_token"]
    assert ask(provider, stranger).status_code == 403
    browser.post("/logout", headers=OURS)
    assert ask(provider, tokens["access_token"]).status_code == 403
