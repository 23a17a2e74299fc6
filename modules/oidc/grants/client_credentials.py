"""Tokens that a client gets for itself (RFC 6749 §4.4): nobody's name is in them, and there is no refresh."""

from authlib.oauth2.rfc6749.errors import InvalidScopeError
from authlib.oauth2.rfc6749.grants import ClientCredentialsGrant

from issuer.identity import Identity
from modules.oidc.clients.authentication import METHODS
from modules.oidc.grants.base import Answer, Issuing
from modules.oidc.tokens.issue import token_body

BACKEND = "client"
OF_PEOPLE = frozenset({"openid", "profile", "email", "groups", "offline_access"})
"""Scopes that speak of somebody who signed in."""


class ClientGrant(Issuing, ClientCredentialsGrant):
    """`grant_type=client_credentials`."""

    TOKEN_ENDPOINT_AUTH_METHODS = [method for method in METHODS if method != "none"]  # noqa: RUF012 - Authlib's

    def create_token_response(self) -> Answer:
        """Answer with an access token whose subject is the client (RFC 9068 §2.2)."""
        client = self.asker
        allowed = [word for word in client.settings.scopes if word not in OF_PEOPLE]
        asked = self.request.parameters.words("scope")
        if not set(asked) <= set(allowed):
            raise InvalidScopeError
        scope = asked or tuple(allowed)
        resources = self.narrowed_resources(())
        identity = Identity(BACKEND, client.client_id, client.client_id)
        claims = self.tokens.access_claims(client, identity, scope, resources) | {"sub": client.client_id}
        token = self.tokens.access_token(client, identity, claims)
        return self.respond(token_body(token, scope))
