"""JWK Sets (RFC 7517 §5): the keys in them that can verify a signature."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt import PyJWK, PyJWTError

PublicKey = RSAPublicKey | EllipticCurvePublicKey | Ed25519PublicKey | Ed448PublicKey

CURVES = {"ES256": "secp256r1", "ES384": "secp384r1", "ES512": "secp521r1"}
RSA = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"})
ALGORITHMS = RSA | CURVES.keys() | {"EdDSA"}
"""What a token may be signed with: asymmetric algorithms only. With a shared secret, or with none, whoever
can read a public key could make tokens (RFC 8725 §2.1)."""

LEAST_RSA_BITS = 2048
PUBLIC_MEMBERS = ("kty", "n", "e", "crv", "x", "y")


def fits(key: PublicKey, algorithm: str) -> bool:
    """Tell whether a key can verify with an algorithm, and is long enough for it (RFC 7518 §3.3, §3.4)."""
    match key:
        case RSAPublicKey():
            return algorithm in RSA and key.key_size >= LEAST_RSA_BITS
        case EllipticCurvePublicKey():
            return CURVES.get(algorithm) == key.curve.name
    return algorithm == "EdDSA"


@dataclass(frozen=True, slots=True)
class Jwk:
    """A key of a set; what is None was not said."""

    kid: str | None
    algorithm: str | None
    key: PublicKey

    def serves(self, kid: str | None, algorithm: str) -> bool:
        """Tell whether this may be the key that a token's header means."""
        named = kid is None or self.kid == kid
        return named and self.algorithm in {None, algorithm} and fits(self.key, algorithm)


class JwkSet:
    """The signature keys of a set; others in it, and those that cannot be read, are left out."""

    def __init__(self, keys: Iterable[Jwk] = ()) -> None:
        self._keys = tuple(keys)

    @classmethod
    def parse(cls, data: object) -> Self:
        """Read a JSON value.

        Raises:
            ValueError: it is no JWK Set.
        """
        members = data.get("keys") if isinstance(data, dict) else None
        if not isinstance(members, list):
            raise ValueError("not a JWK Set: there is no list of keys")  # noqa: TRY004 - a value of a stranger
        return cls(jwk for member in members if (jwk := _parse(member)))

    def find(self, kid: str | None, algorithm: str) -> PublicKey | None:
        """Return the one key that a token's header means; None when there is none, or more than one."""
        found = [jwk.key for jwk in self._keys if jwk.serves(kid, algorithm)]
        return found[0] if len(found) == 1 else None

    def __len__(self) -> int:
        """Return how many keys there are."""
        return len(self._keys)


def _parse(member: object) -> Jwk | None:
    if not isinstance(member, dict) or not _is_for_signatures(member):
        return None
    kid, algorithm = member.get("kid"), member.get("alg")
    try:
        key = PyJWK({name: member[name] for name in PUBLIC_MEMBERS if name in member}).key
    except (
        PyJWTError,
        UnsupportedAlgorithm,
        ValueError,
        TypeError,
        KeyError,
        AttributeError,
        ArithmeticError,
    ):
        return None
    if not isinstance(key, PublicKey):
        return None
    return Jwk(kid if isinstance(kid, str) else None, algorithm if isinstance(algorithm, str) else None, key)


def _is_for_signatures(member: Mapping[str, Any]) -> bool:
    """RFC 7517 §4.2, §4.3: what a key is for, where its owner says that."""
    operations = member.get("key_ops", ["verify"])
    return member.get("use", "sig") == "sig" and isinstance(operations, list) and "verify" in operations
