"""Revocation (RFC 7009): a client gives back a token. With a refresh token its whole grant ends."""

from typing import Any

from authlib.oauth2.rfc6749.errors import InvalidRequestError

from issuer.bearer import TokenRefusedError
from modules.oidc.clients.client import Client
from modules.oidc.provider import Provider
from modules.oidc.server import NO_STORE, ProviderRequest, TokenServer
from modules.oidc.tokens.access import AccessTokens


class Revocation:
    """The endpoint of one instance."""

    def __init__(self, provider: Provider, server: TokenServer, tokens: AccessTokens) -> None:
        self._provider = provider
        self._server = server
        self._tokens = tokens

    def answer(self, incoming: ProviderRequest) -> tuple[int, Any, list[tuple[str, str]]]:
        """Revoke a token of the client; one that is not known, or another's, counts as revoked (§2.2)."""
        client = self._server.client_of(incoming, "revocation")
        token = incoming.parameters.get("token")
        if token is None:
            raise InvalidRequestError("The parameter token is missing.")
        if not self._refresh_token(client, token):
            self._access_token(client, token)
        return 200, {}, NO_STORE

    def _refresh_token(self, client: Client, token: str) -> bool:
        grants = self._provider.grants
        found = grants.refresh_token(self._provider.hash_of(token))
        if found and found.grant.client_id == client.client_id:
            grants.revoke(found.grant.id)
        return found is not None

    def _access_token(self, client: Client, token: str) -> None:
        try:
            claims = self._tokens.verify_for_anybody(token)
        except TokenRefusedError:
            return
        if claims.get("client_id") == client.client_id:
            self._provider.revoked.add(str(claims["jti"]), float(claims["exp"]))
