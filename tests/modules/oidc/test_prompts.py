"""`prompt`, `max_age`, `login_hint`, `acr_values`, `claims`, `ui_locales` (OIDC Core §3.1.2.1, §5.5)."""

from dataclasses import replace
from urllib.parse import parse_qsl, urlsplit

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from issuer.identity import Identity
from tests.modules.oidc.conftest import MakeProvider
from tests.modules.oidc.provider import Provider, claims_of


def sent_to_sign_in(answer: TestResponse) -> dict[str, str]:
    """What a browser is sent to the sign-in page with."""
    assert answer.status_code == 303
    parts = urlsplit(str(answer.location))
    assert parts.path == "/login", answer.location
    return dict(parse_qsl(parts.query))


def sign_in(provider: Provider, browser: FlaskClient, uid: str, sent: dict[str, str]) -> TestResponse:
    """Send the form, and follow to where the browser wanted to go."""
    back = provider.gateway.send_form(browser, uid, sent["next"])
    return browser.get(str(back.location))


def identity(provider: Provider, uid: str, level: int = 1) -> Identity:
    from issuer.backends.local import identity_of

    user = provider.gateway.parts.store.users.by_uid(uid)
    assert user
    return replace(identity_of(user), auth_level=level)


def test_prompt_login_makes_people_sign_in_again(provider: Provider) -> None:
    browser = provider.gateway.sign_in("dwho")
    provider.gateway.clock.advance(60)
    sent = sent_to_sign_in(browser.get(provider.url(prompt="login")))
    page = browser.get("/login", query_string=sent)
    assert page.status_code == 200
    provider.gateway.clock.advance(10)
    told = provider.told(sign_in(provider, browser, "dwho", sent))
    tokens = provider.exchange(told["code"]).get_json()
    assert claims_of(tokens["id_token"])["auth_time"] == provider.gateway.clock.now()


def test_a_sign_in_from_before_does_not_do(provider: Provider) -> None:
    browser = provider.gateway.sign_in("dwho")
    provider.gateway.clock.advance(60)
    sent = sent_to_sign_in(browser.get(provider.url(prompt="login")))
    assert sent_to_sign_in(browser.get(sent["next"]))["next"]
    assert sent_to_sign_in(browser.get(provider.url(prompt="select_account")))["next"]
    assert sent_to_sign_in(browser.get(provider.url(prompt="login", asked_at="9999999999")))["next"]


def test_signing_in_again_keeps_what_the_old_session_gave(provider: Provider) -> None:
    browser = provider.gateway.sign_in("dwho")
    first = provider.tokens(browser)
    provider.gateway.clock.advance(60)
    sent = sent_to_sign_in(browser.get(provider.url("app", prompt="login")))
    assert "code" in provider.told(sign_in(provider, browser, "dwho", sent))
    second = provider.refresh(first["refresh_token"])
    assert second.status_code == 200
    browser.post("/logout", headers={"Sec-Fetch-Site": "same-origin"})
    assert provider.refresh(second.get_json()["refresh_token"]).status_code == 400


def test_somebody_else_who_signs_in_ends_it(provider: Provider) -> None:
    browser = provider.gateway.sign_in("dwho")
    first = provider.tokens(browser)
    provider.gateway.clock.advance(60)
    sent = sent_to_sign_in(browser.get(provider.url("app", prompt="login")))
    sign_in(provider, browser, "rtyler", sent)
    assert provider.refresh(first["refresh_token"]).status_code == 400


def test_max_age(provider: Provider) -> None:
    browser = provider.gateway.sign_in("dwho")
    provider.gateway.clock.advance(100)
    assert "code" in provider.told(browser.get(provider.url(max_age="100")))
    assert provider.told(browser.get(provider.url(max_age="99", prompt="none")))["error"] == "login_required"
    sent = sent_to_sign_in(browser.get(provider.url(max_age="0")))
    assert "code" in provider.told(sign_in(provider, browser, "dwho", sent))
    assert provider.told(browser.get(provider.url(max_age="soon")))["error"] == "invalid_request"


def test_prompts_that_contradict_are_refused(provider: Provider) -> None:
    browser = provider.gateway.sign_in("dwho")
    for prompt in ("none login", "nonsense"):
        assert provider.told(browser.get(provider.url(prompt=prompt)))["error"] == "invalid_request"


def test_login_hint_is_in_the_form(provider: Provider) -> None:
    browser = provider.gateway.client()
    sent = sent_to_sign_in(browser.get(provider.url(login_hint='rtyler"><b>')))
    page = browser.get("/login", query_string=sent).get_data(as_text=True)
    assert 'value="rtyler&#34;&gt;&lt;b&gt;"' in page


def test_ui_locales_choose_the_language(make_provider: MakeProvider) -> None:
    provider = make_provider(clients={"app": {"redirect_uris": ["http://127.0.0.1/callback"]}})
    browser = provider.gateway.client()
    sent = sent_to_sign_in(browser.get(provider.url(ui_locales="xx de-AT fr")))
    assert '<html lang="de">' in browser.get("/login", query_string=sent).get_data(as_text=True)
    consent = provider.gateway.sign_in("dwho").get(provider.url("app", ui_locales="fr"))
    assert '<html lang="fr">' in consent.get_data(as_text=True)


def test_acr_says_how_people_signed_in(make_provider: MakeProvider) -> None:
    provider = make_provider(acr_values={"urn:strong": 3, "urn:plain": 1})
    strong = provider.gateway.sign_in_as(identity(provider, "dwho", 3))
    plain = provider.gateway.sign_in_as(identity(provider, "dwho"))
    assert claims_of(provider.tokens(strong)["id_token"])["acr"] == "urn:strong"
    assert claims_of(provider.tokens(strong, acr_values="urn:plain")["id_token"])["acr"] == "urn:plain"
    assert claims_of(provider.tokens(plain, acr_values="urn:strong")["id_token"])["acr"] == "urn:plain"
    essential = '{"id_token": {"acr": {"essential": true, "values": ["urn:strong"]}}}'
    told = provider.told(plain.get(provider.url(claims=essential)))
    assert told["error"] == "unmet_authentication_requirements"
    assert "code" in provider.told(strong.get(provider.url(claims=essential)))


def test_the_claims_parameter_adds_single_claims(provider: Provider) -> None:
    wish = '{"id_token": {"email": null}, "userinfo": {"groups": {"essential": true}}}'
    tokens = provider.tokens(provider.gateway.sign_in("dwho"), scope="openid", claims=wish)
    assert claims_of(tokens["id_token"])["email"] == "dwho@example.com"
    assert "groups" not in claims_of(tokens["id_token"])
    info = provider.userinfo(tokens["access_token"]).get_json()
    assert set(info) == {"sub", "groups"}
    browser = provider.gateway.sign_in("dwho")
    for junk in ("{", "[]", '{"id_token": 1}', '{"id_token": {"sub": {"value": 1}}}', "[" * 1500):
        assert provider.told(browser.get(provider.url(claims=junk)))["error"] == "invalid_request"


def test_the_claims_parameter_gives_nothing_that_the_client_may_not_ask_for(
    make_provider: MakeProvider,
) -> None:
    few = {"redirect_uris": ["http://127.0.0.1/callback"], "trusted": True, "scopes": ["openid", "groups"]}
    provider = make_provider(clients={"app": few})
    wish = '{"id_token": {"email": null, "groups": null}, "userinfo": {"name": {"essential": true}}}'
    tokens = provider.tokens(provider.gateway.sign_in("dwho"), "app", scope="openid", claims=wish)
    claims = claims_of(tokens["id_token"])
    assert claims["groups"] == ["users", "timelords"]
    assert "email" not in claims
    assert set(provider.userinfo(tokens["access_token"]).get_json()) == {"sub"}


def test_a_client_that_expects_somebody_else_hears_so(provider: Provider) -> None:
    browser = provider.gateway.sign_in("dwho")
    wish = '{"id_token": {"sub": {"value": "somebody else"}}}'
    assert provider.told(browser.get(provider.url(claims=wish)))["error"] == "login_required"
