"""Invariant 1 with the OpenID Provider of the house: what clients are given, and prove themselves with."""

from typing import Any

import pytest

from issuer.store import Issuances
from tests.core.applications import Applications
from tests.core.house import House, Told
from tests.core.test_no_secret_leaves import OPENID, house, leaks, told
from tests.service import wait_for

__all__ = ["house", "told"]


@pytest.fixture
def applications(house: House) -> Applications:
    return Applications(house.gateway, house.folder)


def test_invariant_1_what_clients_are_given_is_nowhere_else(
    house: House, told: Told, applications: Applications
) -> None:
    """No token, secret, password, cookie or OpenID token in any log, error, metric or table."""
    tokens = applications.sign_in()
    applications.use(tokens)
    applications.prove()
    applications.let_a_device_in()
    applications.exchange_openid(OPENID, house.call.homeserver.name)
    applications.mistakes(tokens)
    applications.replay()
    applications.sign_out()
    house.gateway.parts.modules["oidc"].start()
    wait_for(lambda: "was not told of a sign-out" in told.text, "the message to a client")
    house.gateway.parts.modules["oidc"].stop()
    assert len(applications.secrets) > 20
    assert leaks(house, told, {*applications.secrets, OPENID, "eyJ"}) == []
    for event in ("code_replayed", "refresh_token_reused", "client_refused"):
        assert event in told.text
    assert 'issuer_issuances_total{instance="oidc",outcome="issued"}' in house.counted()
    for answer in applications.refused:
        texts = [answer.text, *(value for _, value in answer.headers)]
        assert [secret for secret in applications.secrets if any(secret in text for text in texts)] == []


def test_invariant_1_unknown_errors_tell_nothing_of_clients(
    house: House, told: Told, applications: Applications, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No token, secret, password, cookie or OpenID token in any log, error, metric or table."""
    code = applications.provider.code(applications.browser)
    tokens = applications.provider.tokens(applications.browser)

    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("nobody expected this")

    monkeypatch.setattr(Issuances, "record", fail)
    answers = [
        applications.provider.exchange(code),
        applications.provider.refresh(tokens["refresh_token"]),
        applications.provider.token(grant_type="client_credentials", scope="read"),
    ]
    assert [answer.status_code for answer in answers] == [500] * 3
    assert "RuntimeError: nobody expected this" in told.text
    secrets = {code, tokens["refresh_token"], *applications.secrets, "eyJ"}
    assert leaks(house, told, secrets) == []
    assert not any(secret in answer.text for answer in answers for secret in {*secrets, "RuntimeError"})
