"""Consent: asked once, remembered, taken back."""

import re
from html import unescape

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.modules.oidc.attacks import attack
from tests.modules.oidc.conftest import MakeProvider
from tests.modules.oidc.provider import OURS, SECRET, Provider

ASKING = {
    "wiki": {"name": "Wiki <b>", "secret": SECRET, "redirect_uris": ["https://wiki.example.com/callback"]}
}


def decide(browser: FlaskClient, page: TestResponse, decision: str, **changes: str) -> TestResponse:
    """Send the form of a consent page, as the browser does."""
    assert page.status_code == 200
    fields = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page.get_data(as_text=True))
    data = {name: unescape(value) for name, value in fields} | {"decision": decision} | changes
    return browser.post("/oidc/consent", data=data, headers=OURS)


def test_people_are_asked_once(make_provider: MakeProvider) -> None:
    provider = make_provider(clients=ASKING)
    browser = provider.gateway.sign_in("dwho")
    page = browser.get(provider.url())
    text = page.get_data(as_text=True)
    assert "Wiki &lt;b&gt;" in text
    assert "wiki.example.com" in text
    told = provider.told(decide(browser, page, "allow"))
    assert told["state"] == "a state"
    assert provider.exchange(told["code"]).status_code == 200
    assert "code" in provider.told(browser.get(provider.url()))
    assert "code" in provider.told(browser.get(provider.url(prompt="none", scope="openid")))


def test_a_consent_is_remembered_for_the_person_and_for_its_time(make_provider: MakeProvider) -> None:
    provider = make_provider(clients=ASKING, consent_lifetime="30d")
    browser = provider.gateway.sign_in("dwho")
    decide(browser, browser.get(provider.url()), "allow")
    provider.gateway.clock.advance(29 * 86400)
    assert "code" in provider.told(provider.gateway.sign_in("dwho").get(provider.url()))
    assert provider.gateway.sign_in("rtyler").get(provider.url()).status_code == 200
    provider.gateway.clock.advance(86400)
    assert provider.gateway.sign_in("dwho").get(provider.url()).status_code == 200


def test_more_than_was_allowed_is_asked_for_again(make_provider: MakeProvider) -> None:
    provider = make_provider(clients=ASKING)
    browser = provider.gateway.sign_in("dwho")
    decide(browser, browser.get(provider.url(scope="openid")), "allow")
    assert browser.get(provider.url(scope="openid email")).status_code == 200
    wish = '{"userinfo": {"email": null}}'
    assert browser.get(provider.url(scope="openid", claims=wish)).status_code == 200
    assert browser.get(provider.url(scope="openid", prompt="consent")).status_code == 200


def test_people_read_of_single_claims_too(make_provider: MakeProvider) -> None:
    """OIDC Core §5.5: a claim that is asked for by itself is on the page as its scope would be."""
    provider = make_provider(clients=ASKING)
    browser = provider.gateway.sign_in("dwho")
    for part in ("userinfo", "id_token"):
        wish = f'{{"{part}": {{"email": null, "nonsense": null}}}}'
        page = browser.get(provider.url(scope="openid", claims=wish))
        assert "See your mail address" in page.text
        assert "See the groups" not in page.text
    decide(browser, page, "allow")
    assert "See your mail address" in browser.get("/oidc/applications").text


def test_no_is_told_to_the_client(make_provider: MakeProvider) -> None:
    provider = make_provider(clients=ASKING)
    browser = provider.gateway.sign_in("dwho")
    told = provider.told(decide(browser, browser.get(provider.url()), "deny"))
    assert (told["error"], told["state"]) == ("access_denied", "a state")
    assert browser.get(provider.url()).status_code == 200


def test_nobody_is_asked_with_prompt_none(make_provider: MakeProvider) -> None:
    provider = make_provider(clients=ASKING)
    silent = provider.told(provider.gateway.sign_in("dwho").get(provider.url(prompt="none")))
    assert silent["error"] == "consent_required"
    stranger = provider.told(provider.gateway.client().get(provider.url(prompt="none")))
    assert stranger["error"] == "login_required"


def test_a_consent_counts_for_the_session_that_it_was_shown_in(make_provider: MakeProvider) -> None:
    provider = make_provider(clients=ASKING)
    browser, other = provider.gateway.sign_in("dwho"), provider.gateway.sign_in("rtyler")
    page = browser.get(provider.url())
    assert decide(other, page, "allow").status_code == 200
    assert decide(browser, page, "allow").status_code == 303


@attack
def test_a_consent_that_other_pages_send_is_refused(make_provider: MakeProvider) -> None:
    """CSRF on consent (RFC 9700 §4.7): nobody consents by opening somebody's page."""
    provider = make_provider(clients=ASKING)
    browser = provider.gateway.sign_in("dwho")
    fields = re.findall(r'name="(\w+)" value="([^"]*)"', browser.get(provider.url()).get_data(as_text=True))
    data = {name: unescape(value) for name, value in fields} | {"decision": "allow"}
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}, {}):
        answer = browser.post("/oidc/consent", data=data, headers=headers)
        assert answer.status_code == 403
    assert browser.get(provider.url()).status_code == 200


@attack
def test_the_consent_page_is_never_in_a_frame(make_provider: MakeProvider) -> None:
    """RFC 9700 §4.16 (clickjacking)."""
    provider: Provider = make_provider(clients=ASKING)
    headers = provider.gateway.sign_in("dwho").get(provider.url()).headers
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert headers["X-Frame-Options"] == "DENY"
