"""Refresh tokens (RFC 6749 §6).

Those of a public client rotate (RFC 9700 §2.2.2): each is answered with the next one, and one that comes
again after the grace ends its family, since somebody else has it. A client that proves who it is keeps the
one that it has: six of its requests side by side, or an answer that was lost, are no theft.
"""

from dataclasses import dataclass, replace
from typing import Any

from authlib.oauth2.rfc6749.errors import InvalidGrantError, UnauthorizedClientError
from authlib.oauth2.rfc6749.grants import RefreshTokenGrant

from issuer.store import Redemption, SpentError
from modules.oidc import audit
from modules.oidc.clients.authentication import METHODS
from modules.oidc.clients.client import Client
from modules.oidc.grants.base import Answer, Issuing
from modules.oidc.store.grants import RefreshToken
from modules.oidc.tokens.issue import Granted, Made


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
        """Return a refresh token of the client that holds; one replaced too long ago ends its family."""
        provider = self.provider
        token = provider.grants.refresh_token(provider.hash_of(refresh_token))
        client = self.request.client
        if token is None or token.grant.client_id != client.client_id:
            return None
        now = provider.clock.now()
        if token.used_at is not None and now - token.used_at >= client.settings.refresh_token_grace:
            self._reused(token)
            return None
        holds = token.grant.revoked_at is None and token.grant.expires_at > now and token.expires_at > now
        return Credential(token) if holds else None

    def create_token_response(self) -> Answer:
        """Answer with tokens, and replace this one or keep it.

        The rule is judged with the person as they are now. A token whose person may have nothing now stays as
        it is: they may again later.
        """
        found: Any = self.request.refresh_token
        token: RefreshToken = found.token
        scope = self.narrowed_scope(token.grant.scope)
        resources = self.narrowed_resources(token.grant.details.resources)
        grant = replace(self.tokens.renewed(token.grant), scope=scope)
        following, change = self._following(token)
        granted = Granted(self.asker, grant, following, resources)
        try:
            return self.respond(self.tokens.answer(granted, change, repeatable=self.repeatable))
        except SpentError:
            self.authenticate_refresh_token(self.request.parameters["refresh_token"])
            raise InvalidGrantError from None

    def _following(self, token: RefreshToken) -> tuple[Made, Redemption]:
        """Return the refresh token of the answer, and what is written of it."""
        client, grants = self.asker, self.provider.grants
        if not client.rotates and token.used_at is None:
            kept = self.tokens.living_token(client, token.grant, self.request.parameters["refresh_token"])
            return kept, grants.token_kept(kept.token)
        following = self.tokens.refresh_token(client, token.grant)
        if following is None:
            raise UnauthorizedClientError
        grace = client.settings.refresh_token_grace
        return following, grants.token_spent(token.hash, following.token, grace)

    def _reused(self, token: RefreshToken) -> None:
        self.provider.grants.revoke(token.grant.id)
        audit.refresh_token_reused(token.grant, self.provider.gateway.address())
