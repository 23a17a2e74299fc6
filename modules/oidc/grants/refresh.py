"""Refresh tokens (RFC 6749 §6): each counts once and is answered with the next one (RFC 9700 §2.2.2).

One that comes a second time ends its family: somebody else has it.
"""

from dataclasses import dataclass, replace
from typing import Any

from authlib.oauth2.rfc6749.errors import InvalidGrantError
from authlib.oauth2.rfc6749.grants import RefreshTokenGrant

from modules.oidc import audit
from modules.oidc.clients.authentication import METHODS
from modules.oidc.clients.client import Client
from modules.oidc.grants.base import Answer, Issuing
from modules.oidc.store.grants import RefreshToken


@dataclass(frozen=True, slots=True)
class Credential:
    """A refresh token as Authlib asks about it."""

    token: RefreshToken

    def check_client(self, client: Client) -> bool:
        """Tell whether it is this client's; it is, or it would not have been found."""
        return self.token.grant.client_id == client.client_id

    def get_scope(self) -> str:
        """Return what was granted."""
        return " ".join(self.token.grant.scope)


class RefreshGrant(Issuing, RefreshTokenGrant):
    """`grant_type=refresh_token`."""

    TOKEN_ENDPOINT_AUTH_METHODS = METHODS

    def authenticate_refresh_token(self, refresh_token: str) -> Credential | None:
        """Return a refresh token of the client that holds; a used one ends its family."""
        provider = self.provider
        token = provider.grants.refresh_token(provider.hash_of(refresh_token))
        client = self.request.client
        if token is None or token.grant.client_id != client.client_id:
            return None
        if token.used_at is not None:
            self._reused(token)
            return None
        now = provider.clock.now()
        holds = token.grant.revoked_at is None and token.grant.expires_at > now and token.expires_at > now
        return Credential(token) if holds else None

    def create_token_response(self) -> Answer:
        """Use the token, then answer with the next; the rule is judged with the person as they are now."""
        found: Any = self.request.refresh_token
        token: RefreshToken = found.token
        scope = self.narrowed_scope(token.grant.scope)
        resources = self.narrowed_resources(token.grant.details.resources)
        grant = replace(self.tokens.renewed(token.grant), scope=scope)
        following = self.tokens.refresh_token(self.asker, token.grant)
        if following is None or not self.provider.grants.rotate(token, following.row):
            self._reused(token)
            raise InvalidGrantError
        return self.respond(self.tokens.answer(self.asker, grant, following, resources, None))

    def _reused(self, token: RefreshToken) -> None:
        self.provider.grants.revoke(token.grant.id)
        audit.refresh_token_reused(token.grant, self.provider.gateway.address())
