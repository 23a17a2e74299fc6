"""The map of certificates, for Prosody's `cache_keys_url`."""

import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from issuer.keys import list_keys
from issuer.settings.problems import ConfigError
from tests.gateway import BuildGateway
from tests.modules.jitsi.meetings import RS256, instance, token_of


def test_a_token_verifies_with_the_certificate_of_its_kid(build_gateway: BuildGateway) -> None:
    gateway = build_gateway(instance(RS256), users={"dwho": ()})
    answer = gateway.client().get("/jitsi/keys.json")
    assert answer.headers["Cache-Control"] == "public, max-age=60"
    assert answer.mimetype == "application/json"
    certificates: dict[str, str] = answer.json or {}
    published = {key.kid for key in list_keys(gateway.parts.settings.keys.directory) if key.use == "jitsi"}
    assert set(certificates) == published

    token = token_of(gateway.sign_in("dwho").get("/jitsi/login?room=tea"))
    pem = certificates[jwt.get_unverified_header(token)["kid"]]
    certificate = x509.load_pem_x509_certificate(pem.encode())
    certificate.verify_directly_issued_by(certificate)
    key = certificate.public_key()
    assert isinstance(key, RSAPublicKey)
    claims = jwt.decode(
        token,
        key,
        ["RS256"],
        {"verify_exp": False, "verify_nbf": False, "verify_iat": False},
        audience="jitsi",
    )
    assert claims["room"] == "tea"
    assert gateway.client().get("/jitsi/keys.json").data == answer.data


def test_every_rule_that_does_not_compile_is_named_at_once(build_gateway: BuildGateway) -> None:
    broken = {"rule": "inGroup(", "user": {"name": "1 +"}, "rooms": [{"match": "a", "rule": "nope()"}]}
    with pytest.raises(ConfigError) as caught:
        build_gateway(instance(**broken))
    assert all(name in str(caught.value) for name in ("jitsi.rule", "jitsi.user.name", "jitsi.rooms.0.rule"))
