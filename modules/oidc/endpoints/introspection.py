"""Introspection (RFC 7662): whether a token is good, for its client and for those whom it is meant for."""

from collections.abc import Mapping
from typing import Any

from authlib.oauth2.rfc6749.errors import InvalidClientError, InvalidRequestError

from issuer.bearer import TokenRefusedError
from modules.oidc.clients.client import Client
from modules.oidc.provider import Provider
from modules.oidc.server import NO_STORE, ProviderRequest, TokenServer
from modules.oidc.tokens.access import AccessTokens, audiences

Body = dict[str, Any]
TOLD = ("iss", "sub", "aud", "client_id", "scope", "exp", "iat", "nbf", "jti", "auth_time", "acr", "act")
INACTIVE: Body = {"active": False}


class Introspection:
    """The endpoint of one instance."""

    def __init__(self, provider: Provider, server: TokenServer, tokens: AccessTokens) -> None:
        self._provider = provider
        self._server = server
        self._tokens = tokens

    def answer(self, incoming: ProviderRequest) -> tuple[int, Any, list[tuple[str, str]]]:
        """Tell a client that has proved who it is about a token (§2.1 asks for that)."""
        client = self._server.client_of(incoming, "introspection")
        if client.public:
            raise InvalidClientError(description="A client without a secret cannot ask this.")
        token = incoming.parameters.get("token")
        if token is None:
            raise InvalidRequestError("The parameter token is missing.")
        body = self._refresh_token(client, token) or self._access_token(client, token)
        return 200, body, NO_STORE

    def _access_token(self, client: Client, token: str) -> Body:
        try:
            claims = self._tokens.verify_for_anybody(token)
            if not self._may_know(client, claims):
                return INACTIVE
            grant = self._tokens.grant(claims)
        except TokenRefusedError:
            return INACTIVE
        body = {name: claims[name] for name in TOLD if name in claims}
        username = {"username": grant.identity.uid} if grant else {}
        return {"active": True, "token_type": "Bearer", **username, **body}

    def _may_know(self, client: Client, claims: Mapping[str, Any]) -> bool:
        meant = audiences(claims)
        return claims.get("client_id") == client.client_id or bool(meant & set(client.settings.introspects))

    def _refresh_token(self, client: Client, token: str) -> Body | None:
        found = self._provider.grants.refresh_token(self._provider.hash_of(token))
        if found is None:
            return None
        grant, now = found.grant, self._provider.clock.now()
        holds = (
            found.used_at is None
            and grant.revoked_at is None
            and min(found.expires_at, grant.expires_at) > now
        )
        if not holds or grant.client_id != client.client_id:
            return INACTIVE
        return {
            "active": True,
            "iss": self._provider.issuer,
            "sub": self._provider.subject(grant.identity),
            "client_id": client.client_id,
            "scope": " ".join(grant.scope),
            "exp": int(found.expires_at),
        }
