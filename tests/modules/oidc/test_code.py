"""Authorization code flow (RFC 6749 §4.1, RFC 7636, OIDC Core §3.1)."""

from tests.modules.oidc.provider import Provider, claims_of, signed_by


def test_a_client_signs_somebody_in(provider: Provider) -> None:
    browser = provider.gateway.sign_in("dwho")
    answer = provider.told(browser.get(provider.url()))
    assert answer["state"] == "a state"
    assert answer["iss"] == provider.issuer
    tokens = provider.exchange(answer["code"]).get_json()
    assert tokens["token_type"] == "Bearer"
    assert tokens["scope"] == "openid profile email groups"
    keys = provider.gateway.client().get("/oidc/jwks").get_json()
    claims = signed_by(tokens["id_token"], keys)
    assert claims["iss"] == provider.issuer
    assert claims["aud"] == claims["azp"] == "wiki"
    assert claims["nonce"] == "a-nonce"
    assert claims["exp"] == provider.gateway.clock.now() + 600
    info = provider.userinfo(tokens["access_token"]).get_json()
    assert info == {
        "sub": claims["sub"],
        "name": "Dwho",
        "preferred_username": "dwho",
        "email": "dwho@example.com",
        "groups": ["users", "timelords"],
    }


def test_access_tokens_are_those_of_rfc_9068(provider: Provider) -> None:
    tokens = provider.tokens(provider.gateway.sign_in("dwho"))
    import jwt

    assert jwt.get_unverified_header(tokens["access_token"])["typ"] == "at+jwt"
    claims = claims_of(tokens["access_token"])
    assert claims["iss"] == claims["aud"] == provider.issuer
    assert claims["client_id"] == "wiki"
    assert {"exp", "iat", "jti", "sub", "scope", "auth_time", "acr"} <= claims.keys()


def test_somebody_who_is_not_signed_in_comes_back_to_the_very_request(provider: Provider) -> None:
    provider.gateway.add_user("amy", ("users",))
    browser = provider.gateway.client()
    answer = browser.get(provider.url())
    assert answer.status_code == 303
    assert answer.location.startswith("/login?next=/oidc/authorize")
    from urllib.parse import unquote

    wanted = unquote(answer.location.removeprefix("/login?next="))
    assert provider.gateway.send_form(browser, "amy", wanted).location == wanted
    assert "code" in provider.told(browser.get(wanted))
