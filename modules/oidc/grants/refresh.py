"""Refresh tokens (RFC 6749 §6): each counts once and is answered with the next one (RFC 9700 §2.2.2).

One that comes a second time ends its family: somebody else has it.
"""

from dataclasses import dataclass, replace
from typing import Any

from authlib.oauth2.rfc6749.errors import InvalidGrantError, UnauthorizedClientError
from authlib.oauth2.rfc6749.grants import RefreshTokenGrant

from issuer.store import SpentError
from modules.oidc import audit
from modules.oidc.clients.authentication import METHODS
from modules.oidc.clients.client import Client
from modules.oidc.grants.base import Answer, Issuing
from modules.oidc.store.grants import RefreshToken
from modules.oidc.tokens.issue import Granted


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
        """Answer with tokens, and use this one; the rule is judged with the person as they are now.

        A token whose person may have nothing now stays as it is: they may again later.
        """
        found: Any = self.request.refresh_token
        token: RefreshToken = found.token
        scope = self.narrowed_scope(token.grant.scope)
        resources = self.narrowed_resources(token.grant.details.resources)
        grant = replace(self.tokens.renewed(token.grant), scope=scope)
        following = self.tokens.refresh_token(self.asker, token.grant)
        if following is None:
            raise UnauthorizedClientError
        granted = Granted(self.asker, grant, following, resources)
        change = self.provider.grants.token_spent(token.hash, following.token)
        try:
            return self.respond(self.tokens.answer(granted, change, repeatable=self.repeatable))
        except SpentError:
            self.authenticate_refresh_token(self.request.parameters["refresh_token"])
            raise InvalidGrantError from None

    def _reused(self, token: RefreshToken) -> None:
        self.provider.grants.revoke(token.grant.id)
        audit.refresh_token_reused(token.grant, self.provider.gateway.address())
