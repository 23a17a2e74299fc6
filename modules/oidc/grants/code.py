"""Authorization codes (RFC 6749 §4.1.3) with PKCE (RFC 7636): a code counts once.

A code that comes a second time ends its grant, and with it the tokens of the first use (RFC 9700 §2.1.1,
RFC 6749 §4.1.2).
"""

from dataclasses import dataclass
from typing import Any

from authlib.oauth2.rfc6749.errors import InvalidGrantError
from authlib.oauth2.rfc6749.grants import AuthorizationCodeGrant
from authlib.oauth2.rfc7636 import CodeChallenge

from modules.oidc import audit
from modules.oidc.clients.authentication import METHODS
from modules.oidc.clients.client import Client
from modules.oidc.grants.base import Answer, Issuing
from modules.oidc.store.grants import Grant


@dataclass(frozen=True, slots=True)
class Code:
    """A code as Authlib asks about it."""

    grant: Grant

    @property
    def code_challenge(self) -> str | None:
        """Return the challenge."""
        return self.grant.details.challenge

    @property
    def code_challenge_method(self) -> str:
        """Return the only method there is."""
        return "S256"

    def get_redirect_uri(self) -> str:
        """Return where the code was sent."""
        return self.grant.details.redirect_uri

    def get_scope(self) -> str:
        """Return what was granted."""
        return " ".join(self.grant.scope)


class Pkce(CodeChallenge):
    """PKCE with S256 alone (RFC 9700 §2.1.1)."""

    SUPPORTED_CODE_CHALLENGE_METHOD = ["S256"]  # noqa: RUF012 - Authlib's


class CodeGrant(Issuing, AuthorizationCodeGrant):
    """`grant_type=authorization_code`."""

    TOKEN_ENDPOINT_AUTH_METHODS = METHODS

    def query_authorization_code(self, code: str, client: Client) -> Code | None:
        """Return a code of the client that has not expired; a used one ends its grant."""
        provider = self.provider
        grant = provider.grants.by_code(provider.hash_of(code))
        if grant is None or (grant.instance, grant.client_id) != (provider.instance, client.client_id):
            return None
        if grant.code_used_at is not None:
            self._replayed(grant)
            return None
        fresh = grant.revoked_at is None and (grant.code_expires_at or 0) > provider.clock.now()
        return Code(grant) if fresh else None

    def create_token_response(self) -> Answer:
        """Use the code, then answer with tokens."""
        found: Any = self.request.authorization_code
        grant: Grant = found.grant
        resources = self.narrowed_resources(grant.details.resources)
        refresh = self.tokens.refresh_token(self.asker, grant)
        if not self.provider.grants.use_code(grant, refresh.row if refresh else None):
            self._replayed(grant)
            raise InvalidGrantError("Invalid 'code' in request.")
        return self.respond(self.tokens.answer(self.asker, grant, refresh, resources, grant.details.nonce))

    def _replayed(self, grant: Grant) -> None:
        self.provider.grants.revoke(grant.id)
        audit.code_replayed(grant, self.provider.gateway.address())
