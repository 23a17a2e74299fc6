"""Token exchange (RFC 8693)."""

from typing import Any

import pytest

from issuer.matrix import openid_caller
from issuer.store import Quota
from modules.oidc.grants.exchange import ACCESS_TOKEN, MATRIX_OPENID
from modules.oidc.settings import TOKEN_EXCHANGE
from tests.modules.livekit.calls import Homeserver, upstream_options
from tests.modules.livekit.conftest import homeserver
from tests.modules.oidc.conftest import MakeProvider
from tests.modules.oidc.provider import REDIRECT, SECRET, Provider, claims_of
from tests.upstream.authority import Authority

__all__ = ["homeserver"]

API, OTHER = "https://api.example.com/", "https://other.example.com/"
CLIENT: dict[str, Any] = {
    "secret": SECRET,
    "redirect_uris": [REDIRECT],
    "trusted": True,
    "grant_types": ["authorization_code", "refresh_token", TOKEN_EXCHANGE],
    "scopes": ["openid", "profile", "read", "write"],
    "resources": [API, OTHER],
}


@pytest.fixture
def provider(make_provider: MakeProvider) -> Provider:
    clients = {"wiki": CLIENT, "gate": {**CLIENT, "introspects": [API]}, "stranger": CLIENT}
    made = make_provider(clients=clients)
    made.secrets |= dict.fromkeys(clients, SECRET)
    return made


def exchange(provider: Provider, client: str, token: str, **form: Any) -> Any:
    form = {"subject_token": token, "subject_token_type": ACCESS_TOKEN, **form}
    return provider.token(client, grant_type=TOKEN_EXCHANGE, **form).get_json()


def test_a_token_becomes_one_for_a_single_audience(provider: Provider) -> None:
    first = provider.tokens(provider.gateway.sign_in("dwho"), scope="openid profile read write")
    provider.gateway.clock.advance(100)
    found = exchange(provider, "wiki", first["access_token"], resource=API, scope="read")
    assert (found["issued_token_type"], found["scope"]) == (ACCESS_TOKEN, "read")
    assert found["expires_in"] == 500
    claims = claims_of(found["access_token"])
    assert claims["aud"] == API
    assert claims["sub"] == claims_of(first["access_token"])["sub"]
    assert claims["act"] == {"sub": "wiki"}
    assert "refresh_token" not in found
    assert not provider.is_good(found["access_token"])


def test_it_never_gets_wider(provider: Provider) -> None:
    browser = provider.gateway.sign_in("dwho")
    first = provider.tokens(browser, scope="openid read", resource=API)["access_token"]
    assert exchange(provider, "wiki", first, resource=OTHER)["error"] == "invalid_target"
    assert exchange(provider, "wiki", first)["error"] == "invalid_target"
    assert exchange(provider, "wiki", first, resource="https://evil.example/")["error"] == "invalid_target"
    assert exchange(provider, "wiki", first, resource=API, scope="read write")["error"] == "invalid_scope"
    assert exchange(provider, "wiki", first, resource=API)["scope"] == "read"


def test_only_those_may_exchange_it_whom_it_is_meant_for(provider: Provider) -> None:
    first = provider.tokens(provider.gateway.sign_in("dwho"), scope="read", resource=API)["access_token"]
    assert exchange(provider, "gate", first, resource=API)["scope"] == "read"
    assert exchange(provider, "stranger", first, resource=API)["error"] == "invalid_grant"
    provider.post("/revoke", token=first)
    assert exchange(provider, "wiki", first, resource=API)["error"] == "invalid_grant"
    assert exchange(provider, "wiki", "x.y.z", resource=API)["error"] == "invalid_grant"
    assert exchange(provider, "wiki", first, subject_token_type="x")["error"] == "invalid_request"
    assert exchange(provider, "app", first, resource=API)["error"] == "invalid_client"


def test_a_matrix_openid_token_becomes_a_token_of_ours(
    make_provider: MakeProvider,
    authority: Authority,
    homeserver: Homeserver,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    homeserver.subs["alice-token"] = homeserver.user
    provider = make_provider(
        clients={"wiki": CLIENT},
        matrix_homeservers=[homeserver.name],
        core={"upstream": upstream_options(authority)},
    )
    form = {"subject_token_type": MATRIX_OPENID, "matrix_server_name": homeserver.name, "resource": API}
    found = exchange(provider, "wiki", "alice-token", **form, scope="read")
    claims = claims_of(found["access_token"])
    assert (claims["sub"], claims["aud"], claims["scope"]) == (homeserver.user, API, "read")
    assert exchange(provider, "wiki", "invented", **form)["error"] == "invalid_grant"
    monkeypatch.setattr(openid_caller, "OF_USER", Quota(1, 600.0))
    provider.gateway.clock.advance(600)
    assert exchange(provider, "wiki", "alice-token", **form)["token_type"] == "Bearer"
    answer = provider.post("/token", "wiki", grant_type=TOKEN_EXCHANGE, subject_token="alice-token", **form)
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "600")
    assert answer.get_json()["error"] == "temporarily_unavailable"
    other = {**form, "matrix_server_name": "evil.example"}
    assert exchange(provider, "wiki", "alice-token", **other)["error"] == "invalid_grant"
