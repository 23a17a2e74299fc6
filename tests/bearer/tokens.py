"""Providers for tests: keys, their JWK Set, and tokens."""

import json
from functools import cache
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from tests.upstream.stub import Reply

ISSUER = "https://idp.example.com/"
AUDIENCE = "calls"
NOW = 1_800_000_000


@cache
def rsa_key(name: str, bits: int = 2048) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


@cache
def ec_key(name: str) -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@cache
def ed_key(name: str) -> ed25519.Ed25519PrivateKey:
    return ed25519.Ed25519PrivateKey.generate()


def jwk(key: Any, kid: str | None = None, **members: Any) -> dict[str, Any]:
    """Return the public JWK of a private key."""
    if isinstance(key, rsa.RSAPrivateKey):
        found = RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
    elif isinstance(key, ec.EllipticCurvePrivateKey):
        found = ECAlgorithm.to_jwk(key.public_key(), as_dict=True)
    else:
        found = OKPAlgorithm.to_jwk(key.public_key(), as_dict=True)
    return {**found, **({"kid": kid} if kid else {}), **members}


def key_set(*keys: dict[str, Any]) -> Reply:
    return Reply(200, json.dumps({"keys": list(keys)}).encode(), {"Content-Type": "application/jwk-set+json"})


def claims(**changes: Any) -> dict[str, Any]:
    """Return the claims of a good token; a change to None takes one away."""
    found = {"iss": ISSUER, "aud": AUDIENCE, "sub": "alice", "exp": NOW + 300, "iat": NOW, **changes}
    return {name: value for name, value in found.items() if value is not None}


def token(
    key: Any, kid: str | None = "one", algorithm: str = "RS256", typ: str | None = None, **changes: Any
) -> str:
    headers = {"kid": kid, "typ": typ} if typ else {"kid": kid}
    headers = {name: value for name, value in headers.items() if value is not None}
    return jwt.encode(claims(**changes), key, algorithm, headers)
