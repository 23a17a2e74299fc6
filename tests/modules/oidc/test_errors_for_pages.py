"""Errors of every endpoint that pages call are read by pages (Fetch Standard §3.3): a page that may not read
an answer is told of no network.
"""

from typing import Any

import pytest
from werkzeug.test import TestResponse

from tests.modules.oidc.conftest import MakeProvider
from tests.modules.oidc.provider import CLIENTS, Provider

PAGE, STRANGER = "https://app.example.com", "https://evil.example"
FORM = "application/x-www-form-urlencoded"


@pytest.fixture
def provider(make_provider: MakeProvider) -> Provider:
    app = {**CLIENTS["app"], "origins": [PAGE]}
    return make_provider(clients={**CLIENTS, "app": app})


def ask(provider: Provider, path: str, origin: str = PAGE, **request: Any) -> TestResponse:
    headers = {"Origin": origin, **request.pop("headers", {})}
    return provider.gateway.client().open(provider.path + path, headers=headers, **request)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/token", "client_id=nobody&grant_type=authorization_code&code=x"),
        ("/token", "client_id=app&client_id=app"),
        ("/token", "client_id=app&grant_type=authorization_code&code=x"),
        ("/revoke", "client_id=nobody&token=x"),
        ("/introspect", "token=x"),
        ("/par", "client_id=nobody"),
        ("/device_authorization", "client_id=nobody"),
        ("/device_authorization", "client_id=app"),
    ],
)
def test_an_error_of_an_endpoint_for_programs(provider: Provider, path: str, body: str) -> None:
    answer = ask(provider, path, method="POST", data=body, content_type=FORM)
    assert answer.status_code in {400, 401}
    assert answer.get_json()["error"]
    assert answer.headers["Access-Control-Allow-Origin"] in {PAGE, "*"}
    assert "Access-Control-Allow-Credentials" not in answer.headers


def test_a_body_that_is_too_large(provider: Provider) -> None:
    answer = ask(provider, "/token", method="POST", data=b"x" * 2_000_000, content_type=FORM)
    assert answer.status_code == 413
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


@pytest.mark.parametrize("header", [None, "Bearer stale", "Basic eDp5"])
def test_a_token_that_is_no_good_at_userinfo(provider: Provider, header: str | None) -> None:
    answer = ask(provider, "/userinfo", headers={"Authorization": header} if header else {})
    assert answer.status_code == 401
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["Access-Control-Expose-Headers"] == "WWW-Authenticate"


def test_a_token_of_too_small_a_scope_at_userinfo(provider: Provider) -> None:
    tokens = provider.tokens(provider.gateway.sign_in("dwho"), "app", scope="profile")
    answer = ask(provider, "/userinfo", headers={"Authorization": f"Bearer {tokens['access_token']}"})
    assert answer.status_code == 403
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


def test_what_is_of_somebody_is_for_the_pages_of_the_client_alone(provider: Provider) -> None:
    token = provider.tokens(provider.gateway.sign_in("dwho"), "app")["access_token"]
    for origin, read in ((PAGE, True), (STRANGER, False)):
        answer = ask(provider, "/userinfo", origin, headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == 200
        assert ("Access-Control-Allow-Origin" in answer.headers) is read


def test_userinfo_takes_the_token_of_a_form(provider: Provider) -> None:
    token = provider.tokens(provider.gateway.sign_in("dwho"), "app")["access_token"]
    post = {"method": "POST", "content_type": FORM}
    answer = ask(provider, "/userinfo", data=f"access_token={token}", **post)
    assert answer.get_json()["preferred_username"] == "dwho"
    assert ask(provider, "/userinfo", data="access_token=stale", **post).status_code == 401
    twice = f"access_token={token}&access_token={token}"
    assert ask(provider, "/userinfo", data=twice, **post).status_code == 400
    both = {"Authorization": "Basic eDp5"}
    assert ask(provider, "/userinfo", data=f"access_token={token}", headers=both, **post).status_code == 400
    assert ask(provider, f"/userinfo?access_token={token}").status_code == 401
