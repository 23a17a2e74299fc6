"""What each client has of its own: claims by expression, lifetimes; consent that is taken back; step-up."""

import base64
from typing import Any
from urllib.parse import quote_plus, unquote

import pytest

from issuer.settings.problems import ConfigError
from tests.authentication.backends import People, people
from tests.authentication.trips import button, come_back, leave
from tests.modules.oidc.conftest import MakeProvider
from tests.modules.oidc.provider import OURS, REDIRECT, SECRET, Provider, claims_of
from tests.modules.oidc.test_consent import ASKING, decide

__all__ = ["people"]

WIKI: dict[str, Any] = {"secret": SECRET, "redirect_uris": [REDIRECT], "trusted": True}


def test_claims_by_expression_are_the_clients_own(make_provider: MakeProvider) -> None:
    claims = {
        "role": 'inGroup("timelords") ? "admin" : "reader"',
        "https://wiki.example.com/who": "uid",
        "nothing": "nickname",
        "sub": '"somebody"',
        "aud": '"another"',
        "email": '"own@example.com"',
    }
    provider = make_provider(clients={"wiki": {**WIKI, "claims": claims}})
    tokens = provider.tokens(provider.gateway.sign_in("dwho"), scope="openid")
    plain = provider.tokens(provider.gateway.sign_in("dwho"), "app", scope="openid")
    subject, info = claims_of(plain["id_token"])["sub"], provider.userinfo(tokens["access_token"]).get_json()
    for found in (claims_of(tokens["id_token"]), info):
        assert (found["role"], found["https://wiki.example.com/who"]) == ("admin", "dwho")
        assert (found["sub"], found["email"]) == (subject, "own@example.com")
        assert "nothing" not in found
    assert claims_of(tokens["id_token"])["aud"] == "wiki"
    assert set(provider.userinfo(plain["access_token"]).get_json()) == {"sub"}
    reader = provider.tokens(provider.gateway.sign_in("rtyler"))
    assert claims_of(reader["id_token"])["role"] == "reader"


def test_lifetimes_are_the_clients_own(make_provider: MakeProvider) -> None:
    lifetimes = {"access_token_lifetime": 120, "id_token_lifetime": 60, "refresh_token_lifetime": 300}
    provider = make_provider(clients={"wiki": {**WIKI, **lifetimes}}, access_token_lifetime=900)
    browser, clock = provider.gateway.sign_in("dwho"), provider.gateway.clock
    tokens, plain = provider.tokens(browser), provider.tokens(browser, "app")
    assert (tokens["expires_in"], plain["expires_in"]) == (120, 900)
    for name, lives in (("access_token", 120), ("id_token", 60)):
        assert claims_of(tokens[name])["exp"] == clock.now() + lives
    clock.advance(120)
    assert not provider.is_good(tokens["access_token"])
    assert provider.is_good(plain["access_token"])
    second = provider.refresh(tokens["refresh_token"]).get_json()
    assert claims_of(second["access_token"])["exp"] == clock.now() + 120
    clock.advance(301)
    assert provider.refresh(second["refresh_token"]).get_json()["error"] == "invalid_grant"
    assert provider.refresh(plain["refresh_token"], "app").status_code == 200


def test_the_origins_of_a_client_are_as_browsers_name_them(make_provider: MakeProvider) -> None:
    provider = make_provider(clients={"wiki": {**WIKI, "origins": ["https://Pages.example.com:443"]}})
    for origin, allowed in (("https://pages.example.com", True), ("https://example.com", False)):
        answer = provider.gateway.client().options("/oidc/token", headers={"Origin": origin})
        assert (answer.headers.get("Access-Control-Allow-Origin") == origin) is allowed
    with pytest.raises(ConfigError, match=r"clients\.wiki\.origins\.0"):
        make_provider(clients={"wiki": {**WIKI, "origins": ["https://pages.example.com/x"]}})


def test_pages_at_the_origins_of_a_client_may_read_its_answers_and_no_others(
    make_provider: MakeProvider,
) -> None:
    mine, other = "https://pages.example.com", "https://other.example.com"
    clients = {"wiki": {**WIKI, "origins": [mine]}, "other": {**WIKI, "origins": [other]}}
    provider = make_provider(clients=clients)
    token = provider.tokens(provider.gateway.sign_in("dwho"))["access_token"]
    for origin, allowed in ((mine, mine), (other, None), ("null", None)):
        headers = {"Origin": origin}
        form = {"client_id": "wiki", "client_secret": SECRET, "token": token}
        plain = provider.gateway.client()
        answers = [
            plain.post(f"/oidc/{path}", data=form, headers=headers) for path in ("token", "introspect")
        ]
        bearer = {**headers, "Authorization": f"Bearer {token}"}
        answers.append(plain.get("/oidc/userinfo", headers=bearer))
        found = {answer.headers.get("Access-Control-Allow-Origin") for answer in answers}
        assert found == {allowed}, origin
        assert all("Access-Control-Allow-Credentials" not in answer.headers for answer in answers)


def test_the_rule_of_a_client_stands_in_the_place_of_the_instances(make_provider: MakeProvider) -> None:
    api = "https://api.example.com/"
    own = {
        "open": {**WIKI, "rule": "accept"},
        "closed": {**WIKI, "rule": "deny"},
        "seeing": {
            **WIKI,
            "resources": [api],
            "rule": f'client_id == "seeing" && scope == "openid" && resource == "{api}"',
        },
    }
    provider = make_provider(clients={"wiki": WIKI, **own}, rule='inGroup("timelords")')
    asked: dict[str, Any] = {"redirect_uri": REDIRECT, "scope": "openid"}

    def error(uid: str, client: str, **more: Any) -> str | None:
        browser = provider.gateway.sign_in(uid)
        return provider.told(browser.get(provider.url(client, **asked, **more))).get("error")

    assert [error("dwho", name) for name in ("wiki", "open", "closed")] == [None, None, "access_denied"]
    assert [error("rtyler", name) for name in ("wiki", "open", "closed")] == [
        "access_denied",
        None,
        "access_denied",
    ]
    assert error("rtyler", "seeing", resource=api) is None
    assert error("dwho", "seeing") == "access_denied"


def test_people_take_a_consent_back(make_provider: MakeProvider) -> None:
    provider = make_provider(clients=ASKING)
    browser, other = provider.gateway.sign_in("dwho"), provider.gateway.sign_in("rtyler")
    kept = decide(other, other.get(provider.url()), "allow")
    code = provider.told(decide(browser, browser.get(provider.url()), "allow"))["code"]
    tokens, theirs = provider.exchange(code).get_json(), provider.exchange(provider.told(kept)["code"])
    waiting = provider.code(browser)
    assert "Your applications" in browser.get("/").text
    assert 'action="/oidc/applications/wiki/withdraw"' in browser.get("/oidc/applications").text
    withdraw = "/oidc/applications/wiki/withdraw"
    assert browser.post(withdraw, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert provider.is_good(tokens["access_token"])
    assert browser.post(withdraw, headers=OURS).location == "/oidc/applications"
    assert "Wiki" not in browser.get("/oidc/applications").text
    assert not provider.is_good(tokens["access_token"])
    assert provider.refresh(tokens["refresh_token"]).get_json()["error"] == "invalid_grant"
    assert provider.exchange(waiting).get_json()["error"] == "invalid_grant"
    assert browser.get(provider.url()).status_code == 200, "people are asked again"
    assert browser.post(withdraw, headers=OURS).status_code == 404
    assert provider.is_good(theirs.get_json()["access_token"]), "what others allowed stands"
    assert "code" in provider.told(other.get(provider.url(prompt="none")))


@pytest.fixture
def stronger(make_provider: MakeProvider, people: dict[str, People]) -> Provider:
    backends = {"local": {}, "card": {"type": "elsewhere", "auth_level": 3}}
    provider = make_provider(core={"backends": backends}, acr_values={"urn:strong": 3})
    people.setdefault("card", People()).add("s1", "card-person", cn="Somebody")
    return provider


def test_acr_values_ask_for_a_stronger_sign_in(stronger: Provider) -> None:
    browser = stronger.gateway.sign_in("dwho")
    wanted = stronger.url(acr_values="urn:strong")
    silent = stronger.told(browser.get(stronger.url(acr_values="urn:strong", prompt="none")))
    assert "code" in silent, "it is a wish, and nobody may be asked"
    answer = browser.get(wanted)
    assert answer.status_code == 303
    page = browser.get(answer.location)
    assert "stronger way to sign in" in page.text
    gone = leave(browser.get(button(page.text, "card")))
    assert gone["level"] == "3"
    back = browser.get(come_back(browser, "card", subject="s1", wanted=gone["wanted"]).location)
    assert unquote(back.location) == unquote(wanted)
    tokens = stronger.exchange(stronger.told(browser.get(back.location))["code"]).get_json()
    assert claims_of(tokens["id_token"])["acr"] == "urn:strong"
    assert claims_of(tokens["access_token"])["acr"] == "urn:strong"


def test_who_does_not_prove_to_be_a_client_is_in_the_security_log(
    provider: Provider, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "issuer.audit")
    plain = provider.gateway.client()
    form = {"data": "grant_type=client_credentials", "content_type": "application/x-www-form-urlencoded"}
    provider.post("/introspect", client_secret="wrong", token="x")
    plain.post("/oidc/token", headers={"Authorization": "Basic d2lraTp4"}, **form)
    provider.post("/revoke", client="nobody\0", client_secret="wrong", token="x")
    provider.post("/par", client="nobody", client_secret="wrong")
    told = [record.msg for record in caplog.records if isinstance(record.msg, dict)]
    refused = [event for event in told if event["event"] == "client_refused"]
    assert [event.get("client") for event in refused] == ["wiki", "wiki", None]
    assert {(event["instance"], event["address"]) for event in refused} == {("oidc", "127.0.0.1")}
    assert "nobody" not in caplog.text


def test_a_wrong_secret_is_said_and_so_is_one_that_was_not_encoded(make_provider: MakeProvider) -> None:
    secret = "a+b%c7Zq2mWx9Tb4Vd8Rf1"
    provider = make_provider(clients={"wiki": {"secret": secret, "redirect_uris": [REDIRECT]}})

    def said(sent: str) -> str:
        header = {"Authorization": f"Basic {base64.b64encode(f'wiki:{sent}'.encode()).decode()}"}
        answer = provider.gateway.client().post(
            "/oidc/token", data={"grant_type": "refresh_token", "refresh_token": "x"}, headers=header
        )
        body = answer.get_json()
        assert secret not in answer.get_data(as_text=True)
        return f"{answer.status_code} {body['error']} {body.get('error_description')}"

    assert said(quote_plus(secret)).startswith("400 invalid_grant")
    assert said(secret.replace("%", "%25")) == "401 invalid_client The client secret is wrong."
    assert "(RFC 6749 section 2.3.1)" in said(secret)
    assert said("wrong") == "401 invalid_client The client secret is wrong."
    in_form = provider.post("/token", grant_type="refresh_token", refresh_token="x", client_secret="wrong")
    assert in_form.get_json()["error_description"] == "The client secret is wrong."


def test_a_client_without_pkce_hears_which_option_there_is(make_provider: MakeProvider) -> None:
    provider = make_provider()
    bare: dict[str, Any] = {"code_challenge": None, "code_challenge_method": None}
    browser = provider.gateway.sign_in("dwho")
    assert "require_pkce" in provider.told(browser.get(provider.url(**bare)))["error_description"]
    assert "require_pkce" not in provider.told(browser.get(provider.url("app", **bare)))["error_description"]
