"""`response_mode=form_post` (OAuth 2.0 Form Post Response Mode): the browser sends the answer by a form."""

import re
from html import unescape
from urllib.parse import urlencode

from werkzeug.test import TestResponse

from tests.modules.oidc.conftest import MakeProvider
from tests.modules.oidc.provider import CHALLENGE, OURS, REDIRECT, Provider

FIELD = re.compile(r'<input type="hidden" name="([^"]*)" value="([^"]*)">')


def fields(page: TestResponse) -> dict[str, str]:
    assert page.status_code == 200, page.get_data(as_text=True)
    return {name: unescape(value) for name, value in FIELD.findall(page.get_data(as_text=True))}


def test_a_code_comes_by_a_form(provider: Provider) -> None:
    browser = provider.gateway.sign_in("dwho")
    page = browser.get(provider.url(response_mode="form_post", state='a "state" & <more>'))
    given = fields(page)
    assert f'action="{REDIRECT}" method="post"' in page.get_data(as_text=True)
    assert set(given) == {"code", "state", "iss"}
    assert (given["state"], given["iss"]) == ('a "state" & <more>', provider.issuer)
    assert provider.exchange(given["code"]).status_code == 200


def test_the_form_goes_to_the_client_alone_and_nobody_keeps_the_page(provider: Provider) -> None:
    page = provider.gateway.sign_in("dwho").get(provider.url(response_mode="form_post"))
    policy = dict(part.split(" ", 1) for part in page.headers["Content-Security-Policy"].split("; "))
    assert policy["form-action"] == "'self' https://wiki.example.com"
    assert policy["script-src"] == "'self'"
    assert page.headers["Cache-Control"] == "no-store"
    assert page.headers["Referrer-Policy"] == "same-origin"


def test_errors_come_by_a_form_too(provider: Provider) -> None:
    browser = provider.gateway.client()
    given = fields(browser.get(provider.url(response_mode="form_post", prompt="none")))
    assert (given["error"], given["state"]) == ("login_required", "a state")


def test_no_other_response_mode(provider: Provider) -> None:
    for mode in ("fragment", "jwt", "web_message"):
        told = provider.told(provider.gateway.client().get(provider.url(response_mode=mode)))
        assert told["error"] == "invalid_request"
        assert "form_post" in told["error_description"]


def test_the_shape_of_asp_net(make_provider: MakeProvider) -> None:
    """ASP.NET's request shape (form_post, PAR) answered.

    ASP.NET Core's OpenIdConnectHandler pushes its request when there is an endpoint for that, with
    `response_mode=form_post`, `x-client-SKU` and `x-client-ver`; the browser brings number and client.
    """
    provider = make_provider()
    asked = {
        "client_id": "wiki",
        "redirect_uri": REDIRECT,
        "response_type": "code",
        "scope": "openid profile",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
        "response_mode": "form_post",
        "nonce": "638000000000000000.YmI",
        "state": "CfDJ8" + "x" * 400,
        "x-client-SKU": "ID_NET9_0",
        "x-client-ver": "8.0.1.0",
    }
    pushed = provider.post("/par", **asked)
    assert pushed.status_code == 201
    query = urlencode({"client_id": "wiki", "request_uri": pushed.get_json()["request_uri"]})
    given = fields(provider.gateway.sign_in("dwho").get(f"/oidc/authorize?{query}"))
    assert given["state"] == asked["state"]
    assert provider.exchange(given["code"]).status_code == 200


def test_consent_is_followed_by_the_form(make_provider: MakeProvider) -> None:
    clients = {"wiki": {"name": "Wiki", "secret": "k7Zq2mWx9Tb4Vd8Rf1Lc6Yp3", "redirect_uris": [REDIRECT]}}
    provider = make_provider(clients=clients)
    browser = provider.gateway.sign_in("dwho")
    asked = fields(browser.get(provider.url(response_mode="form_post")))
    answer = browser.post(
        "/oidc/consent",
        data=urlencode({**asked, "decision": "allow"}),
        content_type="application/x-www-form-urlencoded",
        headers=OURS,
    )
    assert provider.exchange(fields(answer)["code"]).status_code == 200
