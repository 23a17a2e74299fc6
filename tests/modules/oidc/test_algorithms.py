"""ID tokens RS256, ES256 or EdDSA by client, judged by a second implementation (joserfc)."""

import base64
import hashlib

import jwt
import pytest
from joserfc import jwt as other
from joserfc.jwk import KeySet

from issuer.keys import generate
from issuer.testing import FakeClock
from tests.gateway import BuildGateway, Templates
from tests.modules.oidc.provider import REDIRECT, SECRET, Provider

KINDS = {"RS256": None, "ES256": "p-256", "EdDSA": "ed25519"}
HASHES = {"RS256": "sha256", "ES256": "sha256", "EdDSA": "sha512"}


@pytest.fixture(params=KINDS)
def algorithm(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


@pytest.fixture
def provider(build_gateway: BuildGateway, gateway_templates: Templates, algorithm: str) -> Provider:
    """A provider whose client "wiki" wants one algorithm."""
    kind = KINDS[algorithm]
    folder = gateway_templates.keys / algorithm.lower()
    if kind and not folder.exists():
        generate(folder, use="oidc", kind=kind, clock=FakeClock(), retention=86400.0)
    wiki = {"secret": SECRET, "redirect_uris": [REDIRECT], "trusted": True, "algorithm": algorithm}
    keys = ("oidc", algorithm.lower()) if kind else ("oidc",)
    return Provider(
        build_gateway(
            {"modules": {"oidc": {"clients": {"wiki": wiki}}}}, users={"dwho": ("users",)}, keys=keys
        )
    )


# joserfc warns of the name that RFC 8037 §3.1 gives; RFC 9864 has another one, which few know yet.
@pytest.mark.filterwarnings("ignore:EdDSA is deprecated via RFC 9864")
def test_the_tokens_of_a_client_are_signed_as_it_wants(provider: Provider, algorithm: str) -> None:
    tokens = provider.tokens(provider.gateway.sign_in("dwho"))
    keys = KeySet.import_key_set(provider.gateway.client().get("/oidc/jwks").get_json())
    for name, typ in (("id_token", "JWT"), ("access_token", "at+jwt")):
        found = other.decode(tokens[name], keys, algorithms=[algorithm])
        assert (found.header["alg"], found.header["typ"]) == (algorithm, typ)
    claims = other.decode(tokens["id_token"], keys, algorithms=[algorithm]).claims
    digest = hashlib.new(HASHES[algorithm], tokens["access_token"].encode()).digest()
    half = base64.urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=").decode()
    assert claims["at_hash"] == half
    assert provider.is_good(tokens["access_token"])
    assert provider.post("/introspect", token=tokens["access_token"]).get_json()["active"] is True
    again = provider.refresh(tokens["refresh_token"]).get_json()["id_token"]
    assert jwt.get_unverified_header(again)["alg"] == algorithm
    known = provider.gateway.client().get("/oidc/.well-known/openid-configuration").get_json()
    assert algorithm in known["id_token_signing_alg_values_supported"]
