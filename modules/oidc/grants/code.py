"""Authorization codes (RFC 6749 §4.1.3) with PKCE (RFC 7636): a code counts once.

A code that comes a second time ends its grant, and with it the tokens of the first use (RFC 9700 §2.1.1,
RFC 6749 §4.1.2).
"""

from dataclasses import dataclass, field
from typing import Any

from authlib.oauth2.rfc6749.errors import AccessDeniedError, InvalidGrantError
from authlib.oauth2.rfc6749.grants import AuthorizationCodeGrant
from authlib.oauth2.rfc7636 import CodeChallenge

from issuer.store import SpentError
from modules.oidc import audit
from modules.oidc.clients.authentication import METHODS
from modules.oidc.clients.client import Client
from modules.oidc.grants.base import Answer, Issuing
from modules.oidc.store.grants import Grant
from modules.oidc.tokens.issue import Granted


@dataclass(frozen=True, slots=True)
class Code:
    """A code as Authlib asks about it."""

    hash: bytes = field(repr=False)
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
        code_hash = provider.hash_of(code)
        grant = provider.grants.by_code(code_hash)
        if grant is None or (grant.instance, grant.client_id) != (provider.instance, client.client_id):
            return None
        if grant.code_used_at is not None:
            self._replayed(grant)
            return None
        fresh = grant.revoked_at is None and (grant.code_expires_at or 0) > provider.clock.now()
        return Code(code_hash, grant) if fresh else None

    def create_token_response(self) -> Answer:
        """Answer with tokens, and use the code; a code that brings none is no longer good either."""
        code: Any = self.request.authorization_code
        grant: Grant = code.grant
        resources = self.narrowed_resources(grant.details.resources)
        refresh = self.tokens.refresh_token(self.asker, grant)
        granted = Granted(self.asker, grant, refresh, resources, grant.details.nonce)
        change = self.provider.grants.code_spent(code.hash, refresh.token if refresh else None)
        try:
            return self.respond(self.tokens.answer(granted, change, repeatable=self.repeatable))
        except AccessDeniedError:
            self.provider.grants.revoke(grant.id)
            raise
        except SpentError:
            self.query_authorization_code(self.request.parameters["code"], self.asker)
            raise InvalidGrantError("Invalid 'code' in request.") from None

    def _replayed(self, grant: Grant) -> None:
        self.provider.grants.revoke(grant.id)
        audit.code_replayed(grant, self.provider.gateway.address())
