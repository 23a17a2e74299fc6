"""RP-initiated and back-channel logout."""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from html import unescape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode

import jwt
import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.modules.oidc.conftest import MakeProvider
from tests.modules.oidc.provider import OURS, REDIRECT, SECRET, Provider, claims_of, signed_by
from tests.service import wait_for

GOODBYE = "https://wiki.example.com/goodbye"
WIKI: dict[str, Any] = {
    "secret": SECRET,
    "redirect_uris": [REDIRECT],
    "post_logout_redirect_uris": [GOODBYE],
    "trusted": True,
}


@pytest.fixture
def provider(make_provider: MakeProvider) -> Provider:
    return make_provider(clients={"wiki": WIKI})


def log_out(browser: FlaskClient, **query: str) -> TestResponse:
    return browser.get(f"/oidc/logout?{urlencode(query)}")


def is_signed_in(browser: FlaskClient) -> bool:
    return browser.get("/sessions").status_code == 200


def test_with_its_id_token_a_client_signs_out_at_once(provider: Provider) -> None:
    browser = provider.gateway.sign_in("dwho")
    tokens = provider.tokens(browser)
    provider.gateway.clock.advance(3600)
    hint = tokens["id_token"]
    answer = log_out(browser, id_token_hint=hint, post_logout_redirect_uri=GOODBYE, state="a b")
    assert answer.location == f"{GOODBYE}?state=a+b"
    assert not is_signed_in(browser)
    assert provider.refresh(tokens["refresh_token"]).status_code == 400


def test_else_people_are_asked(provider: Provider) -> None:
    browser, other = provider.gateway.sign_in("dwho"), provider.gateway.sign_in("rtyler")
    foreign = provider.tokens(other)["id_token"]
    for query in ({}, {"client_id": "wiki"}, {"id_token_hint": foreign}):
        assert log_out(browser, **query).status_code == 200
    assert is_signed_in(browser)
    page = log_out(browser, client_id="wiki", post_logout_redirect_uri=GOODBYE)
    fields = re.findall(r'name="(\w+)" value="([^"]*)"', page.get_data(as_text=True))
    data = {name: unescape(value) for name, value in fields}
    assert (
        browser.post("/oidc/logout", data=data, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    )
    assert is_signed_in(browser)
    assert browser.post("/oidc/logout", data=data, headers=OURS).location == GOODBYE
    assert not is_signed_in(browser)


def from_another_site(browser: FlaskClient, form: dict[str, str]) -> TestResponse:
    """What a browser gets that a page of another site sends here by a form: without its cookies."""
    answer = browser.application.test_client().post(
        "/oidc/logout",
        data=urlencode(form),
        content_type="application/x-www-form-urlencoded",
        headers={"Sec-Fetch-Site": "cross-site"},
    )
    if answer.status_code != 303:
        return answer
    return browser.get(str(answer.location))


def test_a_form_of_another_site_signs_out_as_an_address_does(provider: Provider) -> None:
    browser = provider.gateway.sign_in("dwho")
    hint = provider.tokens(browser)["id_token"]
    asked = {"id_token_hint": hint, "post_logout_redirect_uri": GOODBYE, "state": "a b"}
    assert from_another_site(browser, asked).location == f"{GOODBYE}?state=a+b"
    assert not is_signed_in(browser)


def test_with_an_id_token_that_is_too_long_for_an_address_people_are_asked(provider: Provider) -> None:
    browser = provider.gateway.sign_in("dwho")
    hint = provider.tokens(browser)["id_token"]
    asked = {"id_token_hint": hint, "post_logout_redirect_uri": GOODBYE, "state": "s" * 3600}
    page = from_another_site(browser, asked)
    assert page.status_code == 200
    assert GOODBYE in page.get_data(as_text=True)
    assert hint not in page.get_data(as_text=True)
    assert is_signed_in(browser)
    forged = {**asked, "id_token_hint": hint[:-4] + "AAAA"}
    assert from_another_site(browser, forged).status_code == 400
    assert from_another_site(browser, {"client_id": "wiki", "state": "s" * 5000}).status_code == 400


def test_nobody_is_sent_to_where_the_client_is_not(provider: Provider) -> None:
    browser = provider.gateway.sign_in("dwho")
    hint = provider.tokens(browser)["id_token"]
    evil = f"{GOODBYE}.evil.example"
    assert log_out(browser, id_token_hint=hint, post_logout_redirect_uri=evil).status_code == 400
    assert log_out(browser, post_logout_redirect_uri=GOODBYE).status_code == 400
    assert log_out(browser, id_token_hint=hint, client_id="app").status_code == 400
    access = provider.tokens(browser)["access_token"]
    forged = jwt.encode(claims_of(hint), "k" * 32, algorithm="HS256")
    for junk in ("x.y.z", access, forged, hint[:-4] + "AAAA", "x" * 9000):
        assert log_out(browser, id_token_hint=junk).status_code == 400
    assert is_signed_in(browser)


@contextmanager
def client_endpoint(answers: list[int]) -> Iterator[tuple[str, list[str]]]:
    """A client's back-channel logout endpoint; it answers with these statuses, then 200."""
    got: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            got.append(parse_qs(body)["logout_token"][0])
            self.send_response(answers.pop(0) if answers else 200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/backchannel", got
    finally:
        server.shutdown()
        server.server_close()


def test_clients_hear_of_a_sign_out(make_provider: MakeProvider) -> None:
    with client_endpoint([503]) as (url, got):
        provider = make_provider(clients={"wiki": {**WIKI, "backchannel_logout_uri": url}})
        module = provider.gateway.parts.modules["oidc"]
        browser = provider.gateway.sign_in("dwho")
        tokens = provider.tokens(browser)
        provider.tokens(browser)
        module.start()
        browser.post("/logout", headers=OURS)
        wait_for(lambda: len(got) == 1, "the first message")
        provider.gateway.clock.advance(60)
        wait_for(lambda: len(got) == 2, "the second attempt")
        module.stop()
    header = jwt.get_unverified_header(got[0])
    assert header["typ"] == "logout+jwt"
    claims = signed_by(got[0], provider.gateway.client().get("/oidc/jwks").get_json())
    id_token = claims_of(tokens["id_token"])
    assert claims["events"] == {"http://schemas.openid.net/event/backchannel-logout": {}}
    assert (claims["sid"], claims["sub"], claims["aud"]) == (id_token["sid"], id_token["sub"], "wiki")
    assert "nonce" not in claims
