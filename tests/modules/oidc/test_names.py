"""People read where they go on: the application's name, not the protocol's."""

from urllib.parse import urlencode

from tests.modules.oidc.conftest import MakeProvider
from tests.modules.oidc.provider import CHALLENGE, REDIRECT, Provider


def login_page(provider: Provider, address: str) -> str:
    browser = provider.gateway.client()
    return browser.get(str(browser.get(address).location)).get_data(as_text=True)


def test_the_application_is_named_where_people_sign_in(provider: Provider) -> None:
    assert "to continue to Wiki" in login_page(provider, provider.url())
    assert "to continue to App" in login_page(provider, provider.url("app"))


def test_so_it_is_with_a_pushed_request(provider: Provider) -> None:
    asked = {
        "redirect_uri": REDIRECT,
        "response_type": "code",
        "scope": "openid",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
    }
    number = provider.post("/par", **asked).get_json()["request_uri"]
    query = urlencode({"client_id": "wiki", "request_uri": number})
    assert "to continue to Wiki" in login_page(provider, f"/oidc/authorize?{query}")


def test_a_device_is_named_but_not_by_a_code_that_anybody_may_guess(make_provider: MakeProvider) -> None:
    provider = make_provider()
    assert "to continue to your device" in login_page(provider, "/oidc/device?user_code=BCDF-GHJK")


def test_without_an_application_it_is_the_service(provider: Provider) -> None:
    page = provider.gateway.client().get("/login?next=/oidc/applications").get_data(as_text=True)
    assert "to continue to OpenID Connect" in page
