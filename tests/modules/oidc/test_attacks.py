"""Attacks, by the section of the specification that describes them."""

import re
from typing import Any
from urllib.parse import urlencode

from tests.modules.oidc.attacks import TRICKS, WEAKER, attack
from tests.modules.oidc.conftest import MakeProvider
from tests.modules.oidc.provider import REDIRECT, Provider

OTHER_SECRET = "h4Gd9Ks2Lp7Qw3Zx8Vb5Nm1T"
OTHER = {"secret": OTHER_SECRET, "redirect_uris": [REDIRECT], "trusted": True}
FORM = "application/x-www-form-urlencoded"


@attack
def test_pkce_cannot_be_left_out_or_made_weaker(provider: Provider) -> None:
    """Verifier downgrade (RFC 9700 §4.8.2): no challenge, or `plain`."""
    browser = provider.gateway.sign_in("dwho")
    for client in ("app", "wiki"):
        for changes in WEAKER:
            told = provider.told(browser.get(provider.url(client, **changes)))
            assert told["error"] == "invalid_request", changes


@attack
def test_nobody_is_sent_to_what_is_not_the_redirect_uri(provider: Provider) -> None:
    """Redirect URI tricks (RFC 9700 §4.1): prefix, suffix, userinfo, encoded, open ports."""
    browser = provider.gateway.sign_in("dwho")
    for uri in TRICKS:
        answer = browser.get(provider.url(redirect_uri=uri))
        assert answer.status_code == 400, uri
        assert "Location" not in answer.headers
        assert uri not in answer.get_data(as_text=True)


PORTS = [
    ("http://127.0.0.1:49152/callback", True),
    ("http://127.0.0.1/callback", True),
    ("http://127.0.0.1:0/callback", False),
    ("http://127.0.0.1:65536/callback", False),
    ("http://127.0.0.1:80:80/callback", False),
    ("http://127.0.0.1:8080@evil.example/callback", False),
    ("http://127.0.0.1.evil.example:8080/callback", False),
    ("http://127.0.0.1:8080/callback/", False),
    ("http://127.0.0.1:8080/callback?x", False),
    ("http://localhost:8080/callback", False),
    ("http://127.1:8080/callback", False),
    ("http://[::1]:8080/callback", False),
    ("https://127.0.0.1:8080/callback", False),
]


@attack
def test_only_the_port_of_a_native_application_is_free(provider: Provider) -> None:
    """RFC 8252 §7.3, §8.10: open ports."""
    browser = provider.gateway.sign_in("dwho")
    for uri, good in PORTS:
        answer = browser.get(provider.url("app", redirect_uri=uri))
        assert answer.status_code == (303 if good else 400), uri


@attack
def test_the_port_is_free_on_both_loopback_addresses_unless_one_is_registered(
    make_provider: MakeProvider,
) -> None:
    """RFC 8252 §7.3: open ports."""
    uris = ["http://[::1]/callback", "http://127.0.0.1:4711/fixed", "http://localhost/callback"]
    provider = make_provider(clients={"app": {"redirect_uris": uris, "trusted": True}})
    browser = provider.gateway.sign_in("dwho")
    for uri, good in (
        ("http://[::1]:49152/callback", True),
        ("http://127.0.0.1:49152/callback", False),
        ("http://127.0.0.1:4711/fixed", True),
        ("http://127.0.0.1:4712/fixed", False),
        ("http://127.0.0.1/fixed", False),
        ("http://localhost/callback", True),
        ("http://localhost:49152/callback", False),
    ):
        answer = browser.get(provider.url("app", redirect_uri=uri))
        assert answer.status_code == (303 if good else 400), uri


@attack
def test_every_answer_names_its_issuer(provider: Provider) -> None:
    """Mix-up (RFC 9700 §4.4.2, RFC 9207 §2)."""
    browser = provider.gateway.sign_in("dwho")
    for url in (provider.url(), provider.url(response_type="token"), provider.url(scope="nothing")):
        assert provider.told(browser.get(url))["iss"] == provider.issuer


@attack
def test_there_is_no_implicit_and_no_hybrid_flow(provider: Provider) -> None:
    """OAuth 2.1 §10.1, RFC 9700 §2.1.2."""
    browser = provider.gateway.sign_in("dwho")
    for kind in ("token", "id_token", "code id_token", "code token", "none", None):
        answer = browser.get(provider.url(response_type=kind))
        assert provider.told(answer)["error"] in {"unsupported_response_type", "invalid_request"}
        assert "#" not in str(answer.location)


@attack
def test_there_is_no_password_grant(provider: Provider) -> None:
    """RFC 9700 §2.4."""
    answer = provider.token(grant_type="password", username="dwho", password="dwho")
    assert answer.get_json()["error"] == "unsupported_grant_type"


@attack
def test_a_parameter_that_is_there_twice_is_refused(provider: Provider) -> None:
    """Duplicate parameters (RFC 6749 §3.1): whose value counts, nobody shall guess."""
    browser = provider.gateway.sign_in("dwho")
    for name in ("client_id", "redirect_uri", "scope", "state", "code_challenge", "nonce", "x"):
        answer = browser.get(f"{provider.url(x='1')}&{urlencode({name: 'evil'})}")
        assert answer.status_code == 400
        assert "Location" not in answer.headers


@attack
def test_requests_that_are_too_large_are_refused(provider: Provider) -> None:
    """Oversized parameters (RFC 6749 §10: nothing there may be endless)."""
    browser = provider.gateway.sign_in("dwho")
    assert browser.get(provider.url(state="x" * 9000)).status_code == 400
    assert browser.get(provider.url() + "&a=b" * 200).status_code == 400
    body = urlencode({"grant_type": "authorization_code", "code": "x" * 9000})
    client = provider.gateway.client()
    answer = client.post("/oidc/token", data=body, content_type=FORM)
    assert answer.get_json()["error"] == "invalid_request"
    assert client.post("/oidc/token", data="x" * 70_000, content_type=FORM).status_code == 413
    assert client.post("/oidc/token", json={"grant_type": "password"}).status_code == 400
    twice = "grant_type=refresh_token&grant_type=password"
    assert client.post("/oidc/token", data=twice, content_type=FORM).status_code == 400
    assert client.post("/oidc/token?grant_type=password", data="a=b", content_type=FORM).status_code == 400


@attack
def test_two_ways_to_authenticate_at_once_are_refused(provider: Provider) -> None:
    """RFC 6749 §2.3."""
    code = provider.code(provider.gateway.sign_in("dwho"))
    form = {"grant_type": "authorization_code", "code": code, "client_secret": provider.secrets["wiki"]}
    headers = {"Authorization": "Basic d2lraTp4"}
    client = provider.gateway.client()
    answer = client.post("/oidc/token", data=urlencode(form), content_type=FORM, headers=headers)
    assert answer.get_json()["error"] == "invalid_request"


@attack
def test_strange_credentials_are_refused(provider: Provider) -> None:
    """RFC 6749 §5.2: 401 with a challenge, and never an error of ours."""
    client = provider.gateway.client()
    for header in (
        "Basic",
        "Basic x",
        "Basic ////",
        "Basic /w==",
        "Basic Og==",
        "Basic d2lraTp4",
        "Digest a",
    ):
        sent = {"Authorization": header}
        body = "grant_type=client_credentials"
        answer = client.post("/oidc/token", data=body, content_type=FORM, headers=sent)
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"].startswith("Basic")


@attack
def test_pages_are_in_no_frame_and_nothing_that_was_sent_is_in_them(make_provider: MakeProvider) -> None:
    """Clickjacking headers (RFC 9700 §4.16). Nothing a client sends is echoed unescaped."""
    provider = make_provider(clients={"wiki": {**OTHER, "trusted": False}})
    browser = provider.gateway.sign_in("dwho")
    mark = "<script>alert(1)</script>\"'`"
    asked: dict[str, Any] = {
        "state": mark,
        "nonce": mark,
        "login_hint": mark,
        "claims": mark,
        "ui_locales": mark,
    }
    pages = [browser.get(provider.url(**{**asked, "claims": None}))]
    pages += [browser.get(provider.url(client_id=mark)), browser.get(provider.url(redirect_uri=mark))]
    pages += [browser.get(f"/oidc/logout?{urlencode({'state': mark, 'client_id': 'wiki'})}")]
    pages += [provider.token(grant_type=mark), provider.token(code=mark), provider.exchange(mark)]
    for page in pages:
        assert mark not in page.get_data(as_text=True)
        assert "<script>" not in page.get_data(as_text=True)
        assert page.headers["X-Frame-Options"] == "DENY"
        assert "frame-ancestors 'none'" in page.headers["Content-Security-Policy"]
    location = str(browser.get(provider.url(**asked, prompt="none")).location)
    assert "<" not in location
    assert '"' not in location
    assert re.match(r"https://wiki\.example\.com/callback\?", location)
