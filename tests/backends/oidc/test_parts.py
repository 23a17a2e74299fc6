"""The parts by themselves: what a discovery document, a cookie and claims may be."""

import base64
import hashlib
import json
import zlib
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from werkzeug.test import create_environ
from werkzeug.wrappers import Request, Response

from issuer.backend import Departure
from issuer.backends.oidc import OidcBackendSettings
from issuer.backends.oidc.claims import identity_of, merged
from issuer.backends.oidc.client import _basic, printable
from issuer.backends.oidc.errors import ProviderAnswerError
from issuer.backends.oidc.metadata import WrongIssuerError, read
from issuer.backends.oidc.pending import (
    LIFETIME,
    LONGEST_STATE,
    SEAL,
    SLOTS,
    PendingCookies,
    PendingDeparture,
    Seal,
)
from issuer.crypto.sealing import Sealer
from issuer.world import SystemRandomness
from tests.backends.oidc.test_tokens import JSON
from tests.fakes import FakeClock, FakeRandomness

ISSUER = "https://idp.example.com"
DOCUMENT = {
    "issuer": ISSUER,
    "authorization_endpoint": ISSUER + "/auth",
    "token_endpoint": ISSUER + "/token",
    "jwks_uri": ISSUER + "/keys",
}
SECRET = "the client's"
CLAIMS = {"iss": ISSUER, "sub": "248289761001"}


def settings(**options: Any) -> OidcBackendSettings:
    return OidcBackendSettings.model_validate(
        {"issuer": ISSUER, "client_id": "x", "client_secret": "y", **options}
    )


@pytest.mark.parametrize(
    "options",
    [
        {"issuer": "http://idp.example.com"},
        {"issuer": "https://idp.example.com/?tenant=1"},
        {"issuer": "https://user@idp.example.com/"},
        {"issuer": "https://idp.example.com/\\x"},
        {"issuer": "idp.example.com"},
        {"client_secret": None},
        {"client_auth": "private_key_jwt"},
        {"parameters": {"state": "x"}},
        {"acr_levels": {"gold": 0}},
        {"client_id": ""},
        {"refresh_tokens": False, "refresh_after": "1m"},
        {"client_auth": "none", "client_secret": None, "refresh_after": "1m"},
    ],
)
def test_options_that_cannot_be(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        settings(**options)


def test_openid_is_always_asked_for() -> None:
    assert settings().scope == "openid profile email"
    assert settings(scopes=["groups", "openid"]).scope == "openid groups"


def test_a_provider_on_this_machine_may_do_without_https() -> None:
    assert settings(issuer="http://localhost:8081/x").issuer == "http://localhost:8081/x"


def test_a_discovery_document() -> None:
    found = read({**DOCUMENT, "more": 1}, ISSUER)
    assert found.token_endpoint == ISSUER + "/token"
    assert found.end_session_endpoint is None


@pytest.mark.parametrize(
    "changes",
    [
        {"token_endpoint": None},
        {"token_endpoint": "http://idp.example.com/token"},
        {"jwks_uri": "file:///etc/passwd"},
        {"jwks_uri": "https:///keys"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"authorization_endpoint": "https://idp.example.com/a b"},
        {"end_session_endpoint": 5},
    ],
)
def test_a_bad_discovery_document(changes: dict[str, Any]) -> None:
    with pytest.raises(ProviderAnswerError, match=next(iter(changes))):
        read({**DOCUMENT, **changes}, ISSUER)


def test_a_document_of_another_issuer() -> None:
    with pytest.raises(WrongIssuerError) as wrong:
        read({**DOCUMENT, "issuer": ISSUER + "/"}, ISSUER)
    assert wrong.value.found == ISSUER + "/"


@given(JSON | st.dictionaries(st.sampled_from([*DOCUMENT, "userinfo_endpoint"]), JSON))
def test_anything_may_be_at_the_address(data: Any) -> None:
    with pytest.raises(ProviderAnswerError):
        read(data, ISSUER)


def cookies_of(answer: Response) -> dict[str, str]:
    environ = create_environ(
        headers={"Cookie": "; ".join(c.partition(";")[0] for c in answer.headers.getlist("Set-Cookie"))}
    )
    return dict(Request(environ).cookies)


def begin(
    pending: PendingCookies, cookies: dict[str, str], wanted: str, **departure: Any
) -> tuple[str, PendingDeparture]:
    """Begin a sign-in in a browser with these cookies; return its state."""
    begun, answer = pending.new("example", Departure(wanted, **departure), cookies), Response()
    pending.keep(begun, answer)
    cookies.update(cookies_of(answer))
    return pending.seal(begun.key).dump(begun), begun


def size_of(cookies: dict[str, str]) -> int:
    """Return how many bytes of a Cookie header these take."""
    return len("; ".join(f"{name}={value}" for name, value in cookies.items()))


def test_a_cookie_opens_the_state_of_a_sign_in() -> None:
    clock = FakeClock()
    pending = PendingCookies(clock, FakeRandomness(), secure=True, secret=SECRET)
    begun = pending.new("example", Departure("/jitsi/login?room=ü", silent=True), {})
    answer = Response()
    pending.keep(begun, answer)
    (header,) = answer.headers.getlist("Set-Cookie")
    assert header.startswith(f"__Host-issuer_oidc_{begun.slot}=")
    assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax", "Max-Age=600"} <= set(header.split("; "))
    cookies = cookies_of(answer)
    state = pending.seal(begun.key).dump(begun)
    assert pending.find(state, "example", cookies) == begun
    assert pending.find(state, "other", cookies) is None
    assert pending.find(state[:-1], "example", cookies) is None
    assert pending.find("", "example", {**cookies, "__Host-issuer_oidc_": "1.x"}) is None
    clock.advance(LIFETIME)
    assert pending.find(state, "example", cookies) is None


def test_a_browser_holds_some_sign_ins_and_no_more() -> None:
    clock = FakeClock()
    pending = PendingCookies(clock, FakeRandomness(), secure=True, secret=SECRET)
    cookies = {"__Host-issuer_oidc_broken": "?", "__Host-issuer_oidc_0": "?"}
    states = []
    for number in range(len(SLOTS) + 4):
        states.append(begin(pending, cookies, f"/{number}?{'x' * 2000}")[0])
        clock.advance(1)
    del cookies["__Host-issuer_oidc_broken"]
    held = [pending.find(state, "example", cookies) for state in states]
    assert [one is not None for one in held] == [False] * 4 + [True] * len(SLOTS)
    assert size_of(cookies) <= 1500


def test_whatever_begins_at_once_takes_no_more_room() -> None:
    """A foreign page opens many windows, whose requests all have the cookies of the first."""
    pending = PendingCookies(FakeClock(), SystemRandomness(), secure=True, secret=SECRET)
    browser: dict[str, str] = {}
    for number in range(300):
        given: dict[str, str] = {}
        state, begun = begin(pending, given, f"/{number}", since=1.5)
        assert pending.find(state, "example", given) == begun
        browser.update(given)
    assert size_of(browser) <= 1500


def test_no_state_is_longer_than_providers_take() -> None:
    pending = PendingCookies(FakeClock(), FakeRandomness(), secure=True, secret=SECRET)
    text = base64.b64encode(hashlib.shake_256().digest(6000)).decode()  # nothing of it can be compressed
    for wanted, kept in ((f"/{text[:3000]}", True), (f"/{text[:4500]}", False), ("/" + '"' * 2000, True)):
        begun = pending.new("a-name-of-an-instance", Departure(wanted), {})
        assert begun.wanted == (wanted if kept else "/")
        assert len(pending.seal(begun.key).dump(begun)) <= LONGEST_STATE


def test_nobody_else_writes_a_sign_in() -> None:
    """A nonce or a verifier of one's own would let a code in that was somebody else's."""
    pending = PendingCookies(FakeClock(), SystemRandomness(), secure=True, secret=SECRET)
    cookies: dict[str, str] = {}
    state, begun = begin(pending, cookies, "/")
    other, another = begin(pending, {}, "/")
    seal = pending.seal(begun.key)
    assert pending.find(state, "example", cookies) == begun
    assert pending.find(begun.slot + other[1:], "example", cookies) is None
    moved = {f"__Host-issuer_oidc_{slot}": next(iter(cookies.values())) for slot in SLOTS}
    assert all(
        pending.find(slot + state[1:], "example", moved) is None for slot in SLOTS if slot != begun.slot
    )
    strange = PendingCookies(FakeClock(), SystemRandomness(), secure=True, secret="another")
    assert pending.find(strange.seal(begun.key).dump(begun), "example", cookies) is None
    secrets = {seal.nonce, seal.verifier, strange.seal(begun.key).nonce, strange.seal(begun.key).verifier}
    assert len(secrets | {pending.seal(another.key).nonce, begun.key}) == 6
    assert not {*secrets} & {*cookies.values()}


@given(st.text() | st.text("0123456789abcdefABC-_", max_size=60))
def test_any_text_may_be_the_state(text: str) -> None:
    pending = PendingCookies(FakeClock(), FakeRandomness(), secure=True, secret=SECRET)
    cookies = {f"__Host-issuer_oidc_{slot}": f"1800000000.{'A' * 43}" for slot in SLOTS}
    assert pending.find(text, "example", cookies) is None


@given(st.text())
def test_any_text_may_be_in_the_cookie(text: str) -> None:
    pending = PendingCookies(FakeClock(), FakeRandomness(), secure=True, secret=SECRET)
    state, begun = begin(pending, {}, "/")
    cookies = {f"__Host-issuer_oidc_{begun.slot}": text}
    assert pending.find(state, "example", cookies) is None
    assert pending.new("example", Departure("/"), cookies)


@given(JSON)
def test_any_json_may_be_in_the_state(value: Any) -> None:
    """Where the gateway has no secret (`client_auth = "none"`), whoever holds a browser can seal."""
    key, randomness = "A" * 43, FakeRandomness()
    sealed = Sealer(f"{key} ", SEAL, randomness).seal_bytes(zlib.compress(json.dumps(value).encode()), "0")
    Seal("", key, randomness).load("0" + base64.urlsafe_b64encode(sealed).decode().rstrip("="), key)


def identity(**claims: Any) -> Any:
    return identity_of("example", {**CLAIMS, **claims}, "preferred_username", False)


def test_the_subject_is_issuer_and_sub() -> None:
    found = identity(preferred_username="rose")
    assert (found.backend, found.subject, found.uid) == ("example", f"{ISSUER} 248289761001", "rose")


def test_somebody_without_a_user_name_is_known_by_the_sub() -> None:
    for claims in ({}, {"preferred_username": ""}, {"preferred_username": 7}, {"preferred_username": "a\nb"}):
        assert identity(**claims).uid == "248289761001"


def test_standard_claims_become_attributes() -> None:
    found = identity(
        name="Rose Tyler", given_name="Rose", family_name="Tyler", locale="en-GB", groups=["a", "b", "a"]
    )
    assert found.attributes == {
        "cn": "Rose Tyler",
        "givenName": "Rose",
        "sn": "Tyler",
        "preferredLanguage": "en-GB",
    }
    assert found.groups == ("a", "b")
    assert found.unknown == ()
    assert identity(groups="a").groups == ("a",)


@pytest.mark.parametrize("groups", [["a", "b", 7], {"a": 1}, 7], ids=["a number among", "object", "number"])
def test_groups_that_cannot_be_read_are_unknown(groups: Any) -> None:
    assert "groups" in identity(groups=groups).unknown


@pytest.mark.parametrize(
    ("verified", "mail"),
    [
        (True, "r@x.example"),
        ("true", "r@x.example"),
        (False, None),
        ("false", None),
        (None, None),
        ("yes", None),
    ],
)
def test_mail_is_taken_when_it_is_verified(verified: Any, mail: str | None) -> None:
    claims = {**CLAIMS, "email": "r@x.example", "email_verified": verified}
    assert identity_of("example", claims, "email", False).first("mail") == mail
    assert identity_of("example", claims, "email", False).uid == (mail or "248289761001")
    assert identity_of("example", claims, "email", True).first("mail") == "r@x.example"


def test_userinfo_adds_to_the_id_token_and_changes_nothing_in_it() -> None:
    token = {**CLAIMS, "name": "Rose", "acr": "1"}
    said = {"sub": CLAIMS["sub"], "name": "Somebody", "groups": ["a"], "acr": "9", "sid": "x", "iss": "y"}
    assert merged(token, said) == {**token, "groups": ["a"]}


def test_userinfo_of_somebody_else_is_refused() -> None:
    for sub in ("other", None, ["248289761001"]):
        with pytest.raises(ProviderAnswerError):
            merged(CLAIMS, {"sub": sub})


def test_one_address_is_not_verified_by_what_is_said_of_another() -> None:
    token, said = {**CLAIMS, "email": "a@x"}, {"sub": CLAIMS["sub"], "email_verified": True}
    assert "email_verified" not in merged(token, {**said, "email": "b@x"})
    assert "email_verified" not in merged(token, said)
    assert merged(token, {**said, "email": "a@x"})["email_verified"] is True
    alone = {**CLAIMS, "email_verified": True}
    assert "email_verified" not in merged(alone, {"sub": CLAIMS["sub"], "email": "b@x"})
    assert merged(alone, {**said, "email": "b@x", "email_verified": False})["email_verified"] is False
    assert merged(alone, {**said, "email": "b@x"})["email_verified"] is True


@given(st.dictionaries(st.sampled_from(["sub", "name", "email", "groups", "preferred_username"]), JSON))
def test_claims_may_be_anything(claims: dict[str, Any]) -> None:
    try:
        found = identity_of("example", {"iss": ISSUER, **claims}, "preferred_username", True)
    except ProviderAnswerError:
        return
    assert found.uid
    assert all(isinstance(value, str) for value in (*found.attributes.values(), *found.groups))


@given(st.text())
def test_an_error_code_in_a_log_is_short_and_plain(code: str) -> None:
    found = printable(code)
    assert found == "?" or (found == code and len(code) <= 60 and found.replace("_", "a").isalnum())


def test_name_and_secret_are_encoded_in_the_header() -> None:
    """RFC 6749 §2.3.1: a colon in either would be read as the end of the name."""
    client = SimpleNamespace(client_id="a:b c", client_secret="p+%\u00fc:")
    _uri, headers, body = _basic(client, "POST", "https://idp.example.com/token", {}, "code=x")
    sent = base64.b64decode(headers["Authorization"].removeprefix("Basic ")).decode()
    assert sent == "a%3Ab+c:p%2B%25%C3%BC%3A"
    assert body == "code=x"
