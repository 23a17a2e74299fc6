"""Exchanges that are committed after their answers are complete, before they leave."""

import logging
from typing import Any

import pytest
from werkzeug.test import TestResponse

from issuer.runtime import KEY, DeferredResponse
from issuer.store import SpentError
from tests.deferrals import begun
from tests.modules.oidc.conftest import MakeProvider
from tests.modules.oidc.provider import REDIRECT, ROTATING, VERIFIER, Provider, claims_of


def forms(provider: Provider) -> list[dict[str, Any]]:
    """An exchange of a code, and one of a refresh token."""
    browser = provider.gateway.sign_in("dwho")
    code = {"grant_type": "authorization_code", "redirect_uri": REDIRECT, "code_verifier": VERIFIER}
    token = provider.tokens(browser)["refresh_token"]
    return [
        {**code, "code": provider.code(browser)},
        {"grant_type": "refresh_token", "refresh_token": token},
    ]


def send(provider: Provider, form: dict[str, Any], deferred: DeferredResponse | None = None) -> TestResponse:
    data = {"client_id": "wiki", "client_secret": provider.secrets["wiki"], **form}
    return provider.gateway.client().post("/oidc/token", data=data, environ_overrides={KEY: deferred})


@pytest.mark.parametrize("kind", [0, 1])
def test_an_exchange_is_on_record_as_a_whole_when_its_answer_leaves(
    make_provider: MakeProvider, kind: int, caplog: pytest.LogCaptureFixture
) -> None:
    provider = make_provider(clients=ROTATING)
    caplog.set_level(logging.INFO, "issuer.audit")
    form, deferred = forms(provider)[kind], DeferredResponse()
    caplog.clear()
    answer = send(provider, form, deferred).get_json()
    issuances = provider.gateway.parts.store.issuances
    ids = [claims_of(answer[name])["jti"] for name in ("access_token", "id_token")]
    assert not any(map(issuances.by_token_id, ids))
    assert "token_issued" not in caplog.text
    assert provider.refresh(answer["refresh_token"]).status_code == 400
    assert begun(deferred) is None
    assert all(map(issuances.by_token_id, ids))
    assert all(token_id in caplog.text for token_id in ids)
    assert provider.refresh(answer["refresh_token"]).status_code == 200


@pytest.mark.parametrize("kind", [0, 1])
def test_of_two_answers_that_wait_one_leaves_and_the_other_finds_the_reuse_anew(
    make_provider: MakeProvider, kind: int, store_url: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "issuer.audit")
    provider = make_provider(store_url=store_url, clients=ROTATING)
    form = forms(provider)[kind]
    first, second = DeferredResponse(), DeferredResponse()
    winner = send(provider, form, first).get_json()
    loser = send(provider, form, second).get_json()
    assert begun(first) is None
    assert isinstance(begun(second), SpentError)
    lost = claims_of(loser["access_token"])["jti"]
    assert provider.gateway.parts.store.issuances.by_token_id(lost) is None
    assert provider.is_good(winner["access_token"])
    again = send(provider, form)
    assert (again.status_code, again.get_json()["error"]) == (400, "invalid_grant")
    assert ("code_replayed", "refresh_token_reused")[kind] in caplog.text
    assert not provider.is_good(winner["access_token"])
    assert provider.refresh(winner["refresh_token"]).status_code == 400


@pytest.mark.parametrize("kind", [0, 1])
def test_an_exchange_whose_grant_ended_meanwhile_brings_nothing(
    provider: Provider, kind: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "issuer.audit")
    form, deferred = forms(provider)[kind], DeferredResponse()
    answer = send(provider, form, deferred).get_json()
    provider.gateway.parts.modules["oidc"].provider.grants.revoke(  # type: ignore[attr-defined]
        claims_of(answer["access_token"])["gid"]
    )
    assert isinstance(begun(deferred), SpentError)
    assert send(provider, form).get_json()["error"] == "invalid_grant"
    assert "reused" not in caplog.text
    assert "replayed" not in caplog.text
    assert [] not in [record.msg for record in caplog.records]


def test_a_code_that_the_rule_refuses_is_no_longer_good(make_provider: MakeProvider) -> None:
    """RFC 6749 §4.1.2: a code counts once, whatever came of it; a refresh token waits for better days."""
    provider = make_provider(rule='ip != "192.0.2.9"')
    elsewhere = {"REMOTE_ADDR": "192.0.2.9"}
    code, token = forms(provider)
    for form, after in ((code, 400), (token, 200)):
        data = {"client_id": "wiki", "client_secret": provider.secrets["wiki"], **form}
        client = provider.gateway.client()
        refused = client.post("/oidc/token", data=data, environ_overrides=elsewhere)
        assert (refused.status_code, refused.get_json()["error"]) == (403, "access_denied")
        assert send(provider, form).status_code == after
