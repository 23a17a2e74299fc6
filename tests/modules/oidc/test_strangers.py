"""What strangers send to the endpoints: never a server error, nothing echoed unescaped (Hypothesis)."""

import json
from typing import Any
from urllib.parse import urlencode

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from modules.oidc.clients.redirects import clean_redirect_uri, matches
from modules.oidc.settings import DEVICE_CODE, GRANT_TYPES
from tests.modules.oidc.attacks import TRICKS, attack
from tests.modules.oidc.conftest import MakeProvider
from tests.modules.oidc.provider import APP_REDIRECT, OURS, REDIRECT, SECRET, VERIFIER, Provider

MARK = "<i>mark\"'"
FORM = "application/x-www-form-urlencoded"
FEW = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], database=None
)
TEXTS = st.one_of(
    st.text(max_size=30),
    st.text(max_size=20).map(lambda text: MARK + text),
    st.sampled_from(["", "\0", "\ud7ff", "x" * 9000, "none", "openid", "1e999", "-1", "nan", "%00", "%ff"]),
)
CLAIMS = st.sampled_from(["id_token", "userinfo", "acr", "sub", "email", "value", "values", "essential"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9) | st.just("\ud800"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(CLAIMS, inner, max_size=3),
    max_leaves=8,
)
AUTHORIZE: tuple[str, ...] = (
    "response_type",
    "client_id",
    "redirect_uri",
    "scope",
    "state",
    "nonce",
    "code_challenge",
)
AUTHORIZE += ("code_challenge_method", "prompt", "max_age", "acr_values", "claims", "ui_locales", "resource")
AUTHORIZE += ("login_hint", "request_uri", "request", "response_mode", "asked_at", "id_token_hint", MARK)
TOKEN: tuple[str, ...] = (
    "grant_type",
    "code",
    "redirect_uri",
    "code_verifier",
    "refresh_token",
    "scope",
    "resource",
)
TOKEN += ("client_id", "client_secret", "device_code", "subject_token", "subject_token_type", "audience")
TOKEN += ("client_assertion", "client_assertion_type", "requested_token_type", "token", MARK)
PROGRAMS = ("/token", "/revoke", "/introspect", "/par", "/device_authorization")


@pytest.fixture
def provider(make_provider: MakeProvider) -> Provider:
    wiki: dict[str, Any] = {"secret": SECRET, "redirect_uris": [REDIRECT], "grant_types": list(GRANT_TYPES)}
    tv = {"name": "Television", "grant_types": [DEVICE_CODE]}
    return make_provider(clients={"wiki": wiki, "tv": tv})


@pytest.fixture
def browser(provider: Provider) -> FlaskClient:
    return provider.gateway.sign_in("dwho")


def judge(answer: TestResponse) -> None:
    """No server error; what was sent is escaped, or in a format in which it needs not be."""
    assert answer.status_code < 500, answer.text
    if answer.mimetype == "text/html":
        assert "<i>" not in answer.text
    elif answer.mimetype == "application/json":
        json.loads(answer.text)
        assert "<i>" not in answer.text
    location = answer.headers.get("Location", "")
    assert not {"<", '"', "\r", "\n", "\0"} & set(location)


@attack
@FEW
@given(changes=st.dictionaries(st.sampled_from(AUTHORIZE), TEXTS, max_size=4), signed_in=st.booleans())
def test_whatever_is_asked_of_the_authorization_endpoint(
    provider: Provider, browser: FlaskClient, changes: dict[str, str], signed_in: bool
) -> None:
    """OAuth 2.1 §3.1."""
    answer = (browser if signed_in else provider.gateway.client()).get(provider.url(**changes))
    judge(answer)
    location = answer.headers.get("Location", "/")
    assert location.startswith(("/", REDIRECT + "?", APP_REDIRECT + "?"))


@attack
@FEW
@given(
    path=st.sampled_from(PROGRAMS),
    grant=st.sampled_from(GRANT_TYPES),
    changes=st.dictionaries(st.sampled_from(TOKEN), TEXTS, max_size=5),
)
def test_whatever_is_asked_of_the_endpoints_for_programs(
    provider: Provider, path: str, grant: str, changes: dict[str, str]
) -> None:
    """OAuth 2.1 §3.2."""
    known = {"grant_type": grant, "client_id": "wiki", "client_secret": SECRET, "code_verifier": VERIFIER}
    answer = provider.gateway.client().post(
        f"/oidc{path}", data=urlencode({**known, **changes}), content_type=FORM
    )
    judge(answer)
    assert answer.headers["Cache-Control"] == "no-store"


@attack
@FEW
@given(
    body=st.binary(max_size=60),
    query=st.binary(max_size=60),
    header=st.text(st.characters(codec="latin-1", exclude_characters="\r\n\0"), max_size=30),
    scheme=st.sampled_from(["", "Basic ", "Bearer "]),
)
def test_whatever_bytes_there_are(
    provider: Provider, browser: FlaskClient, body: bytes, query: bytes, header: str, scheme: str
) -> None:
    """OAuth 2.1 §3.1, §3.2."""
    for path in (*PROGRAMS, "/authorize", "/consent"):
        headers = {**OURS, "Authorization": scheme + header}
        judge(browser.post(f"/oidc{path}", data=body, content_type=FORM, headers=headers))
    judge(browser.get("/oidc/authorize", query_string=query.decode("latin-1")))
    judge(browser.get("/oidc/userinfo", headers={"Authorization": scheme + header}))


@attack
@FEW
@given(wish=st.one_of(JSON, st.dictionaries(CLAIMS, st.dictionaries(CLAIMS, JSON, max_size=3), max_size=2)))
def test_whatever_claims_are_wished_for(provider: Provider, browser: FlaskClient, wish: Any) -> None:
    """OIDC Core §5.5."""
    for client in ("wiki", "app"):
        judge(browser.get(provider.url(client, claims=json.dumps(wish))))


ADDRESSES = st.one_of(
    st.sampled_from(TRICKS),
    st.text(max_size=20).map(lambda text: REDIRECT + text),
    st.text(max_size=20).map(lambda text: text + REDIRECT),
    st.text("0123456789:@[].abcf/?#%", max_size=20).map(lambda text: f"http://127.0.0.1{text}"),
)


@attack
@FEW
@given(uri=ADDRESSES)
def test_nobody_is_sent_to_another_redirect_uri(provider: Provider, browser: FlaskClient, uri: str) -> None:
    """RFC 9700 §4.1."""
    for client in ("wiki", "app"):
        answer = browser.get(provider.url(client, redirect_uri=uri, prompt="none"))
        judge(answer)
        mine = uri == REDIRECT if client == "wiki" else matches(APP_REDIRECT, uri)
        assert (answer.status_code == 303) == (mine and uri != "")


@FEW
@given(uri=ADDRESSES)
def test_what_a_redirect_uri_may_be(uri: str) -> None:
    try:
        clean = clean_redirect_uri(uri)
    except ValueError:
        return
    assert matches(clean, clean)
    assert not matches(REDIRECT, uri) or uri == REDIRECT


@attack
@FEW
@given(code=TEXTS, session=TEXTS)
def test_whatever_user_code_is_typed(
    provider: Provider, browser: FlaskClient, code: str, session: str
) -> None:
    """RFC 8628 §5.1."""
    judge(browser.get("/oidc/device", query_string={"user_code": code}))
    data = {"user_code": code, "session": session, "decision": "allow"}
    judge(browser.post("/oidc/device", data=data, headers=OURS))
