"""Access tokens of ours that come back: to userinfo, to introspection, to other instances of this gateway."""

from collections.abc import Mapping
from typing import Any

import jwt

from issuer.bearer import RingKeys, TokenRefusedError, TokenVerifier
from issuer.identity import Identity
from modules.oidc.provider import KEY_USE, Provider
from modules.oidc.store.grants import Grant


class AccessTokens:
    """The access tokens of one instance, as `issuer.bearer` asks about their issuer."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self._keys = RingKeys(provider.gateway.keys, KEY_USE)
        self._verifier = TokenVerifier(provider.clock)

    @property
    def issuer(self) -> str:
        """Return the issuer identifier."""
        return self._provider.issuer

    @property
    def types(self) -> frozenset[str]:
        """Return the type of access tokens: an ID token is none (RFC 9068 §4)."""
        return frozenset({"at+jwt"})

    @property
    def keys(self) -> RingKeys:
        """Return the keys."""
        return self._keys

    def identity(self, claims: Mapping[str, Any]) -> Identity:
        """Return who signed in; raise TokenRefusedError when the grant does not hold any more."""
        grant = self.grant(claims)
        if grant is None:
            raise TokenRefusedError("an access token of a client is nobody's")
        identity = self._provider.gateway.portal.refresh(grant.identity)
        if identity is None:
            raise TokenRefusedError("the person of an access token is gone")
        return identity

    def grant(self, claims: Mapping[str, Any]) -> Grant | None:
        """Return the grant of a token, None for a client's own.

        Raises:
            TokenRefusedError: the token was revoked, or its grant was.
        """
        if self._provider.revoked.has(str(claims.get("jti"))):
            raise TokenRefusedError("an access token was revoked")
        if "gid" not in claims:
            return None
        grant = self._provider.grants.get(str(claims["gid"]))
        if grant is None:
            raise TokenRefusedError("the grant of an access token has ended")
        return grant

    def verify(self, token: str, audience: str) -> Mapping[str, Any]:
        """Return the claims of a token for an audience; raise TokenRefusedError when it is not good."""
        return self._verifier.verify(token, {self.issuer: self}.get, audience).claims

    def verify_for_anybody(self, token: str) -> Mapping[str, Any]:
        """Return the same, whoever it is meant for; the caller decides who may learn of it."""
        try:
            claims = jwt.decode(token, options={"verify_signature": False})
        except (jwt.PyJWTError, ValueError, RecursionError):
            raise TokenRefusedError("a token cannot be read") from None
        return self.verify(token, next(iter(sorted(audiences(claims))), ""))


def audiences(claims: Mapping[str, Any]) -> set[str]:
    """Return whom a token is meant for (RFC 7519 §4.1.3)."""
    found = claims.get("aud")
    named = found if isinstance(found, list) else [found]
    return {audience for audience in named if isinstance(audience, str)}
