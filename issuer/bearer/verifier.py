"""Judges a bearer token: signature, issuer, audience, times (RFC 7519 §7.2, RFC 8725 §3)."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jwt
from jwt.types import Options

from issuer.bearer.errors import TokenRefusedError
from issuer.bearer.issuers import IssuerOf, TokenIssuer
from issuer.bearer.jwks import ALGORITHMS
from issuer.identity import Identity
from issuer.world import Clock

LONGEST = 8192
"""Characters of a token; a longer one is not even read."""
AHEAD = 60.0
"""Seconds by which the issuer's clock may be ahead of ours. An expired token gets no such grace."""
OPTIONS: Options = {
    "verify_exp": False,
    "verify_nbf": False,
    "verify_iat": False,
    "require": ["iss", "aud", "exp", "sub"],
}
"""The times are ours to judge, by our clock."""
BAD = (jwt.PyJWTError, ValueError, TypeError, KeyError, RecursionError)


@dataclass(frozen=True, slots=True)
class Verified:
    """A token that is good: who made it, and its claims."""

    issuer: TokenIssuer
    claims: Mapping[str, Any]

    def identity(self) -> Identity:
        """Return whom it names; raise `TokenRefusedError` when it names nobody."""
        return self.issuer.identity(self.claims)


class TokenVerifier:
    """Judges tokens by a clock."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def verify(self, token: str, issuer_of: IssuerOf, audience: str) -> Verified:
        """Return what a token says that one of our issuers made for `audience`.

        Raises:
            TokenRefusedError: it is not good; the message says why, and holds nothing of the token.
            KeysUnavailableError: its issuer's keys cannot be had now.
        """
        header, issuer = self._read(token, issuer_of)
        key = issuer.keys.key(header.get("kid"), header["alg"])
        if key is None:
            raise TokenRefusedError("a token is signed with a key that its issuer does not publish")
        try:
            claims = jwt.decode(
                token, key, [header["alg"]], audience=audience, issuer=issuer.issuer, options=OPTIONS
            )
        except BAD as error:
            raise TokenRefusedError(f"a token is not good: {type(error).__name__}") from None
        self._judge_times(claims)
        return Verified(issuer, claims)

    def _read(self, token: str, issuer_of: IssuerOf) -> tuple[Mapping[str, Any], TokenIssuer]:
        """Return the header and the issuer that a token claims, before anybody vouches for either."""
        if len(token) > LONGEST:
            raise TokenRefusedError(f"a token has more than {LONGEST} characters")
        try:
            found = jwt.decode_complete(token, options={"verify_signature": False})
        except BAD as error:
            raise TokenRefusedError(f"a token cannot be read: {type(error).__name__}") from None
        header, named = found["header"], found["payload"].get("iss")
        algorithm = header.get("alg")
        if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
            raise TokenRefusedError("a token is signed with an algorithm that is not taken, or not at all")
        issuer = issuer_of(named) if isinstance(named, str) else None
        if issuer is None:
            raise TokenRefusedError("a token is of an issuer that is not trusted")
        if issuer.types is not None and str(header.get("typ", "")).lower() not in issuer.types:
            raise TokenRefusedError("a token is of another type, as ID tokens are")
        return header, issuer

    def _judge_times(self, claims: Mapping[str, Any]) -> None:
        now = self._clock.now()
        if not now < _moment(claims["exp"]):
            raise TokenRefusedError("a token has expired")
        for name in ("nbf", "iat"):
            if name in claims and not _moment(claims[name]) <= now + AHEAD:
                raise TokenRefusedError(f"a token is not good yet ({name})")


def _moment(value: object) -> float:
    """Return a NumericDate (RFC 7519 §2)."""
    if isinstance(value, bool) or not isinstance(value, int | float) or value in {math.inf, -math.inf}:
        raise TokenRefusedError("a token has a time that is none")
    return value
