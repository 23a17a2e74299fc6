"""Pushed authorization requests (RFC 9126)."""

from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from tests.modules.oidc.conftest import MakeProvider
from tests.modules.oidc.provider import CHALLENGE, REDIRECT, SECRET, Provider
from tests.modules.oidc.test_consent import decide

ASKED: dict[str, Any] = {
    "response_type": "code",
    "redirect_uri": REDIRECT,
    "scope": "openid",
    "state": "s",
    "code_challenge": CHALLENGE,
    "code_challenge_method": "S256",
}


def pushed(provider: Provider, **changes: Any) -> str:
    answer = provider.post("/par", **{**ASKED, **changes})
    assert answer.status_code == 201, answer.get_data(as_text=True)
    assert answer.get_json()["expires_in"] == 600
    return str(answer.get_json()["request_uri"])


def url(request_uri: str, client: str = "wiki") -> str:
    return f"/oidc/authorize?{urlencode({'client_id': client, 'request_uri': request_uri})}"


def test_a_pushed_request_counts_once(provider: Provider) -> None:
    browser = provider.gateway.sign_in("dwho")
    uri = pushed(provider)
    told = provider.told(browser.get(url(uri)))
    assert told["state"] == "s"
    assert provider.exchange(told["code"]).status_code == 200
    assert browser.get(url(uri)).status_code == 400


def test_it_outlives_the_sign_in(provider: Provider) -> None:
    browser = provider.gateway.client()
    answer = browser.get(url(pushed(provider)))
    wanted = parse_qs(urlsplit(str(answer.location)).query)["next"][0]
    assert "request_uri" in wanted
    assert "redirect_uri" not in wanted
    back = provider.gateway.send_form(browser, "dwho", wanted)
    assert "code" in provider.told(browser.get(str(back.location)))


def test_what_is_wrong_is_said_when_it_is_pushed(provider: Provider) -> None:
    for changes, error in (
        ({"redirect_uri": "https://evil.example/"}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"code_challenge": None}, "invalid_request"),
        ({"request_uri": "urn:x"}, "invalid_request"),
        ({"client_secret": "wrong"}, "invalid_client"),
    ):
        assert provider.post("/par", **{**ASKED, **changes}).get_json()["error"] == error


def test_it_is_its_clients_alone_and_ends(provider: Provider) -> None:
    browser = provider.gateway.sign_in("dwho")
    uri = pushed(provider)
    assert browser.get(url(uri, "app")).status_code == 400
    assert browser.get(url("urn:ietf:params:oauth:request_uri:x")).status_code == 400
    refused = provider.told(browser.get(url("https://evil.example/request.jwt")))
    assert refused["error"] == "request_uri_not_supported"
    provider.gateway.clock.advance(601)
    assert provider.gateway.sign_in("dwho").get(url(uri)).status_code == 400


def test_what_the_pages_need_is_pushed_too(make_provider: MakeProvider) -> None:
    provider = make_provider(clients={"wiki": {"secret": SECRET, "redirect_uris": [REDIRECT]}})
    uri = pushed(provider, login_hint="rtyler", ui_locales="de", state="s")
    browser = provider.gateway.client()
    on = browser.get(str(browser.get(url(uri)).location))
    page = browser.get(str(on.location)).text
    assert '<html lang="de">' in page
    assert 'value="rtyler"' in page
    signed_in = provider.gateway.sign_in("dwho")
    consent = signed_in.get(str(signed_in.get(url(uri)).location))
    assert '<html lang="de">' in consent.text
    answer = decide(signed_in, consent, "allow")
    assert provider.told(answer)["state"] == "s"
    long = pushed(provider, login_hint="x" * 8000)
    assert browser.get(url(long)).location.startswith("/login")


def test_no_secret_is_kept(provider: Provider) -> None:
    pushed(provider, id_token_hint="an-id-token")
    data = provider.gateway.parts.settings.data_dir
    for secret in (provider.secrets["wiki"].encode(), b"an-id-token"):
        assert not any(secret in file.read_bytes() for file in data.glob("issuer.db*"))
