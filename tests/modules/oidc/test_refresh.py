"""Refresh tokens, revocation, introspection (RFC 6749 §6, RFC 7009, RFC 7662)."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from issuer.settings.problems import ConfigError
from tests.modules.oidc.conftest import MakeProvider
from tests.modules.oidc.provider import CLIENTS, Provider, claims_of

API = "https://api.example.com/"
SECRET = "h4Gd9Ks2Lp7Qw3Zx8Vb5Nm1T"
OTHER: dict[str, Any] = {
    "secret": SECRET,
    "redirect_uris": ["https://other.example.com/cb"],
    "trusted": True,
}


def test_a_client_with_a_secret_keeps_its_refresh_token(provider: Provider) -> None:
    first = provider.tokens(provider.gateway.sign_in("dwho"))
    token = first["refresh_token"]
    for _ in range(3):
        provider.gateway.clock.advance(13 * 86400)
        again = provider.refresh(token).get_json()
        assert again["refresh_token"] == token
        assert provider.is_good(again["access_token"])
    provider.gateway.clock.advance(14 * 86400 + 1)
    assert provider.refresh(token).get_json()["error"] == "invalid_grant"


def test_it_does_not_outlive_the_grant(provider: Provider) -> None:
    token = provider.tokens(provider.gateway.sign_in("dwho"))["refresh_token"]
    for _ in range(6):
        provider.gateway.clock.advance(13 * 86400)
        assert provider.refresh(token).status_code == 200
    provider.gateway.clock.advance(12 * 86400 + 1)
    assert provider.refresh(token).get_json()["error"] == "invalid_grant"


def test_a_lost_answer_repeated_within_the_grace_and_a_stolen_token_after_it(
    provider: Provider, caplog: pytest.LogCaptureFixture
) -> None:
    """A lost answer repeated within the grace: signed in. A stolen token used after the grace: the family
    ends, told in the log.
    """
    stolen = provider.tokens(provider.gateway.sign_in("dwho"), "app")["refresh_token"]
    lost = provider.refresh(stolen, "app").get_json()["refresh_token"]
    provider.gateway.clock.advance(29)
    again = provider.refresh(stolen, "app").get_json()["refresh_token"]
    assert len({stolen, lost, again}) == 3
    provider.gateway.clock.advance(60)
    living = [provider.refresh(token, "app").get_json()["refresh_token"] for token in (lost, again)]
    provider.gateway.clock.advance(60)
    assert provider.refresh(stolen, "app").get_json()["error"] == "invalid_grant"
    assert "refresh_token_reused" in caplog.text
    for token in living:
        assert provider.refresh(token, "app").get_json()["error"] == "invalid_grant"


def test_the_grace_begins_with_the_first_use(provider: Provider) -> None:
    first = provider.tokens(provider.gateway.sign_in("dwho"), "app")["refresh_token"]
    for status in (200, 200, 400):
        assert provider.refresh(first, "app").status_code == status
        provider.gateway.clock.advance(20)


def test_after_a_theft_nothing_of_the_family_is_good(provider: Provider) -> None:
    first = provider.tokens(provider.gateway.sign_in("dwho"), "app")
    second = provider.refresh(first["refresh_token"], "app").get_json()
    provider.gateway.clock.advance(30)
    assert provider.refresh(first["refresh_token"], "app").status_code == 400
    assert provider.refresh(second["refresh_token"], "app").status_code == 400
    assert not provider.is_good(second["access_token"])


def test_rotation_and_grace_are_options(make_provider: MakeProvider) -> None:
    rotating = {**OTHER, "refresh_token_rotation": True, "refresh_token_grace": "0"}
    provider = make_provider(clients={"other": rotating})
    provider.secrets["other"] = SECRET
    redirect = {"redirect_uri": OTHER["redirect_uris"][0]}
    first = provider.tokens(provider.gateway.sign_in("dwho"), "other", **redirect)["refresh_token"]
    second = provider.refresh(first, "other").get_json()["refresh_token"]
    assert second != first
    assert provider.refresh(first, "other").status_code == 400
    with pytest.raises(ConfigError, match="must rotate"):
        make_provider(clients={"app": {**CLIENTS["app"], "refresh_token_rotation": False}})


def test_requests_side_by_side_keep_the_grant(provider: Provider) -> None:
    """Six parallel requests of one client at the moment of refresh are no theft."""
    browser = provider.gateway.sign_in("dwho")
    for client in ("wiki", "app"):
        token = provider.tokens(browser, client)["refresh_token"]
        with ThreadPoolExecutor(6) as threads:
            answers = list(threads.map(lambda _, c=client, t=token: provider.refresh(t, c), range(6)))
        assert [answer.status_code for answer in answers] == [200] * 6
        for answer in answers:
            body = answer.get_json()
            assert provider.is_good(body["access_token"])
            assert provider.refresh(body["refresh_token"], client).status_code == 200


def test_a_refresh_gives_new_tokens(provider: Provider) -> None:
    first = provider.tokens(provider.gateway.sign_in("dwho"))
    second = provider.refresh(first["refresh_token"]).get_json()
    assert claims_of(second["id_token"])["sub"] == claims_of(first["id_token"])["sub"]
    assert "nonce" not in claims_of(second["id_token"])
    assert provider.is_good(second["access_token"])
    third = provider.refresh(second["refresh_token"])
    assert third.status_code == 200


def test_a_refresh_sees_the_person_as_they_are_now(provider: Provider) -> None:
    from issuer.backends.local import LocalUsers

    first = provider.tokens(provider.gateway.sign_in("dwho"))
    users = LocalUsers(provider.gateway.parts.services)
    users.change("dwho", {"cn": "Somebody Else"})
    second = provider.refresh(first["refresh_token"]).get_json()
    assert provider.userinfo(second["access_token"]).get_json()["name"] == "Somebody Else"
    users.change("dwho", {}, enabled=False)
    assert provider.refresh(second["refresh_token"]).get_json()["error"] == "invalid_grant"


def test_a_refresh_judges_the_rule_again(make_provider: MakeProvider) -> None:
    from issuer.backends.local import LocalUsers

    provider = make_provider(rule='inGroup("timelords")')
    first = provider.tokens(provider.gateway.sign_in("dwho"))
    LocalUsers(provider.gateway.parts.services).change("dwho", {}, groups=("users",))
    answer = provider.refresh(first["refresh_token"])
    assert answer.status_code == 403
    assert answer.get_json()["error"] == "access_denied"


def test_a_refresh_may_narrow_the_scope_and_never_widens_it(provider: Provider) -> None:
    first = provider.tokens(provider.gateway.sign_in("dwho"), scope="openid email")
    wider = provider.refresh(first["refresh_token"], scope="openid profile")
    assert wider.get_json()["error"] == "invalid_scope"
    narrower = provider.refresh(first["refresh_token"], scope="email").get_json()
    assert narrower["scope"] == "email"
    assert "id_token" not in narrower
    assert provider.refresh(narrower["refresh_token"]).get_json()["scope"] == "openid email"


def test_refresh_tokens_end(provider: Provider) -> None:
    first = provider.tokens(provider.gateway.sign_in("dwho"))
    provider.gateway.clock.advance(14 * 86400 + 1)
    assert provider.refresh(first["refresh_token"]).get_json()["error"] == "invalid_grant"


def test_sign_out_ends_refresh_but_not_offline_access(make_provider: MakeProvider) -> None:
    scopes = ["openid", "offline_access"]
    provider = make_provider(clients={"mail": {**OTHER, "scopes": scopes}})
    provider.secrets["mail"] = SECRET
    redirect = {"redirect_uri": "https://other.example.com/cb"}
    browser = provider.gateway.sign_in("dwho")
    wiki = provider.tokens(browser)
    mail = provider.tokens(browser, "mail", scope="openid offline_access", **redirect)
    browser.post("/logout", headers={"Sec-Fetch-Site": "same-origin"})
    assert provider.refresh(wiki["refresh_token"]).get_json()["error"] == "invalid_grant"
    assert not provider.is_good(wiki["access_token"])
    assert provider.refresh(mail["refresh_token"], "mail").status_code == 200


def test_revocation(provider: Provider) -> None:
    first = provider.tokens(provider.gateway.sign_in("dwho"))
    assert provider.post("/revoke", token=first["access_token"]).status_code == 200
    assert not provider.is_good(first["access_token"])
    second = provider.refresh(first["refresh_token"]).get_json()
    assert provider.is_good(second["access_token"])
    assert provider.post("/revoke", token=second["refresh_token"]).status_code == 200
    assert not provider.is_good(second["access_token"])
    assert provider.refresh(second["refresh_token"]).get_json()["error"] == "invalid_grant"
    assert provider.post("/revoke", token="nothing").status_code == 200


def test_introspection_tells_the_client_of_its_own_tokens(make_provider: MakeProvider) -> None:
    provider = make_provider(clients={"other": OTHER, "api": {**OTHER, "introspects": [API]}})
    provider.secrets |= {"other": SECRET, "api": SECRET}
    tokens = provider.tokens(provider.gateway.sign_in("dwho"))
    told = provider.post("/introspect", token=tokens["access_token"]).get_json()
    assert told["active"] is True
    assert (told["username"], told["client_id"]) == ("dwho", "wiki")
    assert provider.post("/introspect", token=tokens["refresh_token"]).get_json()["active"] is True
    for client in ("other", "api"):
        for token in (tokens["access_token"], tokens["refresh_token"], "nothing", tokens["id_token"]):
            assert provider.post("/introspect", client, token=token).get_json() == {"active": False}
    assert provider.post("/introspect", "app", token="x").get_json()["error"] == "invalid_client"
    provider.post("/revoke", token=tokens["refresh_token"])
    assert provider.post("/introspect", token=tokens["access_token"]).get_json() == {"active": False}


def test_a_resource_server_may_inspect_what_is_meant_for_it(make_provider: MakeProvider) -> None:
    clients = {
        "caller": {**OTHER, "resources": [API], "scopes": ["read"], "grant_types": ["client_credentials"]},
        "api": {**OTHER, "introspects": [API]},
    }
    provider = make_provider(clients=clients)
    provider.secrets |= dict.fromkeys(clients, SECRET)
    answer = provider.token("caller", grant_type="client_credentials", resource=API)
    token = answer.get_json()["access_token"]
    told = provider.post("/introspect", "api", token=token).get_json()
    assert (told["active"], told["aud"], told["sub"], told["scope"]) == (True, API, "caller", "read")
    assert provider.userinfo(token).status_code == 401
    assert "refresh_token" not in answer.get_json()
    wrong = provider.token("caller", grant_type="client_credentials", resource="https://evil.example/")
    assert wrong.get_json()["error"] == "invalid_target"
