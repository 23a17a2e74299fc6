"""What strangers may store: pushed requests and devices in the name of a public client."""

from typing import Any

import pytest

from issuer.store import Quota
from modules.oidc.endpoints import storage
from modules.oidc.settings import DEVICE_CODE
from tests.modules.oidc.conftest import MakeProvider
from tests.modules.oidc.provider import APP_REDIRECT, CHALLENGE, REDIRECT, Provider

ASKED: dict[str, Any] = {
    "response_type": "code",
    "scope": "openid",
    "code_challenge": CHALLENGE,
    "code_challenge_method": "S256",
}
OF_WIKI, OF_APP = {**ASKED, "redirect_uri": REDIRECT}, {**ASKED, "redirect_uri": APP_REDIRECT}
TV = {"tv": {"name": "Television", "grant_types": [DEVICE_CODE, "refresh_token"]}}
REQUESTS = 20_000


@pytest.mark.slow
def test_strangers_fill_no_store(make_provider: MakeProvider) -> None:
    """20,000 `/oidc/par` and device requests in the name of a public client: the store grows by less than
    5 MB, others' requests go on, the client reads 429.
    """
    provider = make_provider(clients=TV)
    store = provider.gateway.parts.store
    before = store.size()
    seen: dict[int, int] = {}
    elsewhere = {"REMOTE_ADDR": "203.0.113.9"}
    for number in range(REQUESTS // 2):
        if number % 1000 == 999:  # the address is at its bound, and keeps nobody else from anything
            others = [
                provider.post("/par", **OF_WIKI),
                provider.gateway.client().get(provider.url()),
                provider.gateway.client().post("/oidc/par", data=of_app(number), environ_overrides=elsewhere),
            ]
            assert [answer.status_code for answer in others] == [201, 303, 201]
        state = f"{number}".ljust(7000, "x")
        answers = [
            provider.post("/par", "app", **OF_APP, state=state),
            provider.post("/device_authorization", "tv", scope="openid profile"),
        ]
        for answer in answers:
            seen[answer.status_code] = seen.get(answer.status_code, 0) + 1
            if answer.status_code == 429:
                assert int(answer.headers["Retry-After"]) >= 1
                assert answer.get_json()["error"] == "temporarily_unavailable"
    assert seen.keys() == {200, 201, 429}
    assert seen[429] > REQUESTS * 0.8
    assert store.size() - before < 5_000_000
    assert provider.post("/par", **OF_WIKI).status_code == 201  # another client, from the same address
    provider.gateway.clock.advance(600)
    assert provider.post("/par", "app", **OF_APP).status_code == 201


def of_app(number: int) -> dict[str, str]:
    return {"client_id": "app", **OF_APP, "state": str(number)}


@pytest.mark.parametrize(("client", "asked", "expected"), [("app", OF_APP, 429), ("wiki", OF_WIKI, 201)])
def test_an_address_has_a_quota_where_the_client_proves_nothing(
    provider: Provider, monkeypatch: pytest.MonkeyPatch, client: str, asked: dict[str, Any], expected: int
) -> None:
    monkeypatch.setattr(storage, "OF_ADDRESS", Quota(1000, 600.0))
    assert provider.post("/par", client, **asked).status_code == 201
    assert provider.post("/par", client, **asked, state="x" * 600).status_code == expected


def test_a_client_has_a_quota(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "OF_CLIENT", Quota(2000, 600.0))
    assert provider.post("/par", **OF_WIKI).status_code == 201
    full = provider.post("/par", **OF_WIKI, state="x" * 1400)
    assert (full.status_code, 0 < int(full.headers["Retry-After"]) <= 600) == (429, True)
    assert provider.post("/par", "app", **OF_APP).status_code == 201
    provider.gateway.clock.advance(int(full.headers["Retry-After"]))
    assert provider.post("/par", **OF_WIKI, state="x" * 1400).status_code == 201


def test_a_pushed_request_is_small(provider: Provider) -> None:
    answer = provider.post("/par", **OF_WIKI, state="x" * 8000, login_hint="x" * 5000)
    assert (answer.status_code, answer.get_json()["error"]) == (400, "invalid_request")
