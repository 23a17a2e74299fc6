"""The presets of docs/openid.md, against what their vendors document (shapes.py)."""

import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from issuer.backends.oidc import OidcBackend, OidcBackendSettings
from issuer.backends.oidc.claims import identity_of, merged
from issuer.backends.oidc.metadata import read
from issuer.backends.oidc.tokens import TokenJudge
from issuer.identity import Identity
from issuer.rules import Scope, compile_rule
from issuer.testing import LocalGateway
from tests.backends.oidc.shapes import SHAPES, Shape
from tests.backends.oidc.test_tokens import ACCESS, NONCE, NOW, Keys, token
from tests.docs.pages import page
from tests.fakes import FakeClock
from tests.gateway import BuildGateway

PAGE = page("docs/openid.md")
SECTIONS = {
    name: block
    for block in PAGE.blocks("toml")
    for name, section in tomllib.loads(block).get("backends", {}).items()
    if name in SHAPES
}


@pytest.fixture
def gateway(build_gateway: BuildGateway, tmp_path: Path, name: str) -> LocalGateway:
    """A gateway whose only login backend is the page's preset."""
    data = tomllib.loads(SECTIONS[name])
    secret = tmp_path / "secret"
    secret.write_text("of the provider")
    data["backends"][name]["client_secret_file"] = str(secret)
    return build_gateway(data)


def filled(claims: dict[str, Any]) -> dict[str, Any]:
    values = {"iat": NOW, "exp": NOW + 300, "nbf": NOW, "nonce": NONCE}
    return {claim: values[claim] if value is None else value for claim, value in claims.items()}


def somebody(gateway: LocalGateway, name: str, shape: Shape) -> Identity:
    """Return who signs in, judged and mapped as on a real trip."""
    backend = gateway.parts.backends[name]
    assert isinstance(backend, OidcBackend)
    settings: OidcBackendSettings = backend.settings
    judge = TokenJudge(FakeClock(), settings.issuer, settings.client_id, settings.clock_skew)
    claims = judge.id_token(token(filled(shape.id_token)), Keys(), NONCE, ACCESS, NOW)
    if settings.userinfo:
        claims = merged(claims, shape.userinfo)
    found = identity_of(name, claims, settings.uid_claim, settings.trust_email)
    return gateway.parts.resolver.resolve(found)


def test_there_is_a_shape_for_each_preset() -> None:
    assert SECTIONS.keys() == SHAPES.keys()
    assert "**not run against the live service**" in PAGE.text


@pytest.mark.parametrize("name", SHAPES)
def test_the_discovery_document_is_taken(gateway: LocalGateway, name: str) -> None:
    settings = gateway.parts.backends[name].settings
    found = read(SHAPES[name].discovery, settings.issuer)
    assert found.token_endpoint == SHAPES[name].discovery["token_endpoint"]
    assert bool(found.userinfo_endpoint)


@pytest.mark.parametrize("name", SHAPES)
def test_somebody_signs_in(gateway: LocalGateway, name: str) -> None:
    shape = SHAPES[name]
    person = somebody(gateway, name, shape)
    expected = shape.expected
    assert (person.uid, person.first("mail")) == (expected["uid"], expected["mail"])
    assert list(person.groups) == expected["groups"]
    more = expected["attributes"]
    assert {attribute: person.first(attribute) for attribute in more} == more
    assert person.first("cn") == "Rose Tyler"


@pytest.mark.parametrize("name", [name for name, shape in SHAPES.items() if shape.logout])
def test_a_logout_token_is_taken(gateway: LocalGateway, name: str) -> None:
    settings = gateway.parts.backends[name].settings
    judge = TokenJudge(FakeClock(), settings.issuer, settings.client_id, settings.clock_skew)
    logout = SHAPES[name].logout
    assert logout
    assert judge.logout_token(token(filled(logout)), Keys())["sid"] == SHAPES[name].id_token["sid"]


@pytest.mark.parametrize("name", ["google"])
def test_a_private_account_at_google_is_of_no_domain(gateway: LocalGateway, name: str) -> None:
    """The rule of the page says no, and does not fail open."""
    shape = SHAPES[name]
    rule = compile_rule('domain == "example.com"', option="rule")
    theirs = somebody(gateway, name, shape)
    assert rule.judge(Scope(theirs, {}, NOW)).allowed
    token_claims, said = (
        {claim: value for claim, value in claims.items() if claim != "hd"}
        for claims in (shape.id_token, shape.userinfo)
    )
    private = replace(shape, id_token=token_claims, userinfo=said)
    assert not rule.judge(Scope(somebody(gateway, name, private), {}, NOW)).allowed
