"""Attacks on codes and tokens, by the section of the specification that describes them."""

import hmac
import json
import threading
from base64 import urlsafe_b64encode
from typing import Any

import jwt
import pytest

from tests.modules.oidc.attacks import attack
from tests.modules.oidc.conftest import MakeProvider
from tests.modules.oidc.provider import (
    APP_REDIRECT,
    CHALLENGE,
    REDIRECT,
    ROTATING,
    VERIFIER,
    Provider,
    claims_of,
)

OTHER_SECRET = "h4Gd9Ks2Lp7Qw3Zx8Vb5Nm1T"
OTHER = {"secret": OTHER_SECRET, "redirect_uris": [REDIRECT], "trusted": True}
FORM = "application/x-www-form-urlencoded"


@attack
def test_a_code_that_comes_again_ends_the_tokens_of_the_first_use(provider: Provider) -> None:
    """Code replay (OAuth 2.1 §4.1.3, RFC 9700 §4.5.3.2): code replay (tokens of the first use revoked)."""
    code = provider.code(provider.gateway.sign_in("dwho"))
    first = provider.exchange(code).get_json()
    assert provider.is_good(first["access_token"])
    assert provider.exchange(code).get_json()["error"] == "invalid_grant"
    assert not provider.is_good(first["access_token"])
    assert provider.refresh(first["refresh_token"]).get_json()["error"] == "invalid_grant"
    assert provider.post("/introspect", token=first["access_token"]).get_json() == {"active": False}


@attack
def test_a_code_of_another_client_is_of_no_use(make_provider: MakeProvider) -> None:
    """RFC 6749 §4.1.3, RFC 9700 §4.5: a stolen code at another client; its owner can still use it."""
    provider = make_provider(clients={"other": OTHER})
    provider.secrets["other"] = OTHER_SECRET
    code = provider.code(provider.gateway.sign_in("dwho"))
    assert provider.exchange(code, "other", redirect_uri=REDIRECT).get_json()["error"] == "invalid_grant"
    assert provider.exchange(code, "app", redirect_uri=REDIRECT).get_json()["error"] == "invalid_grant"
    assert provider.exchange(code).status_code == 200


@attack
def test_a_code_is_bound_to_its_redirect_uri_and_lives_shortly(provider: Provider) -> None:
    """RFC 6749 §4.1.3, §10.5."""
    browser = provider.gateway.sign_in("dwho")
    code = provider.code(browser)
    for uri in (REDIRECT + "/", APP_REDIRECT, None):
        assert provider.exchange(code, redirect_uri=uri).get_json()["error"] == "invalid_grant"
    provider.gateway.clock.advance(61)
    assert provider.exchange(code).get_json()["error"] == "invalid_grant"


@attack
def test_the_verifier_must_be_the_one(provider: Provider) -> None:
    """RFC 7636 §4.6; a wrong verifier does not use up the code, so nobody can take it from its owner."""
    code = provider.code(provider.gateway.sign_in("dwho"))
    for verifier in (None, "", CHALLENGE, VERIFIER[:-1], VERIFIER + "A", "a" * 43, "a" * 200):
        answer = provider.exchange(code, code_verifier=verifier)
        assert answer.get_json()["error"] in {"invalid_grant", "invalid_request"}
    assert provider.exchange(code).status_code == 200


@attack
def test_a_verifier_without_a_challenge_is_refused(make_provider: MakeProvider) -> None:
    """RFC 9700 §4.8.2: a verifier where the authorization request had no challenge."""
    provider = make_provider(clients={"other": {**OTHER, "require_pkce": False}})
    provider.secrets["other"] = OTHER_SECRET
    nothing = {"redirect_uri": REDIRECT, "code_challenge": None, "code_challenge_method": None}
    browser = provider.gateway.sign_in("dwho")
    code = provider.code(browser, "other", **nothing)
    assert provider.exchange(code, "other", redirect_uri=REDIRECT).get_json()["error"] == "invalid_request"
    fine = provider.exchange(code, "other", redirect_uri=REDIRECT, code_verifier=None)
    assert fine.status_code == 200


@attack
def test_a_refresh_token_that_comes_again_ends_its_family(provider: Provider) -> None:
    """Refresh reuse (RFC 9700 §4.14.2), after the grace."""
    first = provider.tokens(provider.gateway.sign_in("dwho"), "app")
    second = provider.refresh(first["refresh_token"], "app").get_json()
    provider.gateway.clock.advance(30)
    assert provider.refresh(first["refresh_token"], "app").get_json()["error"] == "invalid_grant"
    assert provider.refresh(second["refresh_token"], "app").get_json()["error"] == "invalid_grant"
    assert not provider.is_good(second["access_token"])


@attack
def test_a_refresh_token_is_its_clients_alone(make_provider: MakeProvider) -> None:
    """RFC 6749 §6, §10.4: one at another client is refused, and its owner can go on."""
    provider = make_provider(clients={"other": OTHER})
    provider.secrets["other"] = OTHER_SECRET
    tokens = provider.tokens(provider.gateway.sign_in("dwho"))
    assert provider.refresh(tokens["refresh_token"], "other").get_json()["error"] == "invalid_grant"
    assert provider.refresh(tokens["refresh_token"], "app").get_json()["error"] == "invalid_grant"
    assert provider.refresh(tokens["refresh_token"]).status_code == 200


@attack
def test_tokens_count_for_their_own_audience_only(make_provider: MakeProvider) -> None:
    """Token substitution across audiences (RFC 9068 §4, RFC 8707 §2, OIDC Core §16.11)."""
    api = "https://api.example.com/"
    provider = make_provider(clients={"wiki": {**OTHER, "secret": OTHER_SECRET, "resources": [api]}})
    provider.secrets["wiki"] = OTHER_SECRET
    tokens = provider.tokens(provider.gateway.sign_in("dwho"), resource=api)
    assert claims_of(tokens["access_token"])["aud"] == api
    assert not provider.is_good(tokens["access_token"])
    assert not provider.is_good(tokens["id_token"])
    told = provider.told(provider.gateway.sign_in("dwho").get(provider.url(resource="https://evil.example/")))
    assert told["error"] == "invalid_target"


def public_pem(provider: Provider) -> bytes:
    (key,) = [key for key in provider.gateway.parts.keys.public_keys("oidc") if key.state == "active"]
    return key.pem


def unsigned(header: dict[str, Any], claims: dict[str, Any]) -> str:
    parts = (urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in (header, claims))
    return b".".join(parts).decode()


@attack
def test_none_and_hmac_with_the_public_key_are_refused(provider: Provider) -> None:
    """`none` and HS-with-public-key (RFC 8725 §2.1, §3.1)."""
    good = provider.tokens(provider.gateway.sign_in("dwho"))["access_token"]
    header, claims = jwt.get_unverified_header(good), claims_of(good)
    for name in ("none", "None", "NONE"):
        assert not provider.is_good(unsigned({**header, "alg": name}, claims) + ".")
    for name in ("HS256", "HS384", "HS512"):
        text = unsigned({**header, "alg": name}, claims)
        digest = hmac.new(public_pem(provider), text.encode(), name.replace("HS", "sha")).digest()
        assert not provider.is_good(f"{text}.{urlsafe_b64encode(digest).rstrip(b'=').decode()}")
    assert not provider.is_good(unsigned({**header, "alg": "ES256"}, claims) + "." + good.rpartition(".")[2])
    assert provider.is_good(good)


@attack
@pytest.mark.parametrize("kind", ["code", "refresh"])
def test_of_two_concurrent_exchanges_one_wins(
    make_provider: MakeProvider, kind: str, store_url: str | None
) -> None:
    """Two concurrent exchanges of one code (exactly one wins, on SQLite and PostgreSQL); RFC 6749 §4.1.2."""
    provider = make_provider(store_url=store_url, clients=ROTATING)
    browser = provider.gateway.sign_in("dwho")
    secret = provider.code(browser) if kind == "code" else provider.tokens(browser)["refresh_token"]
    send = provider.exchange if kind == "code" else provider.refresh
    gate = threading.Barrier(8)
    answers: list[int] = []

    def run() -> None:
        gate.wait()
        answers.append(send(secret).status_code)

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [200] + [400] * 7
