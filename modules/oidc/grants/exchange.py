"""Token exchange (RFC 8693): an access token of ours, or a Matrix OpenID token, becomes a narrower token."""

from dataclasses import dataclass, field
from typing import Any

from authlib.oauth2.rfc6749.errors import (
    InvalidGrantError,
    InvalidRequestError,
    InvalidScopeError,
    UnauthorizedClientError,
)
from authlib.oauth2.rfc6749.grants import BaseGrant, TokenEndpointMixin

from issuer.bearer import TokenRefusedError
from issuer.identity import Identity
from issuer.matrix import Homeservers
from issuer.matrix.answers import LimitExceededError, MatrixError
from issuer.matrix.openid_caller import OpenIdCaller, OpenIdRecord
from modules.oidc.clients.authentication import METHODS
from modules.oidc.endpoints.storage import StorageFullError
from modules.oidc.grants.base import Answer, InvalidTargetError, Issuing
from modules.oidc.grants.client_credentials import BACKEND as CLIENT
from modules.oidc.grants.client_credentials import OF_PEOPLE
from modules.oidc.provider import Provider
from modules.oidc.settings import TOKEN_EXCHANGE
from modules.oidc.tokens.access import AccessTokens, audiences
from modules.oidc.tokens.issue import token_body

ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105 - a type, not a token
MATRIX_OPENID = "urn:matrix:token-type:openid"
"""A Matrix OpenID token (Client-Server API, "OpenID"); `matrix_server_name` says whose."""


@dataclass(frozen=True, slots=True)
class SubjectToken:
    """Whose token it is to be, and what may be in it."""

    identity: Identity
    sub: str
    scope: tuple[str, ...]
    audiences: frozenset[str]
    further: dict[str, Any] = field(default_factory=dict)
    ends_at: float | None = None


class ExchangeGrant(Issuing, BaseGrant, TokenEndpointMixin):
    """`grant_type=urn:ietf:params:oauth:grant-type:token-exchange`."""

    GRANT_TYPE = TOKEN_EXCHANGE
    TOKEN_ENDPOINT_AUTH_METHODS = [method for method in METHODS if method != "none"]  # noqa: RUF012 - Authlib's

    def validate_token_request(self) -> None:
        """Judge the request (§2.1)."""
        client = self.authenticate_token_endpoint_client()
        if not client.check_grant_type(TOKEN_EXCHANGE):
            raise UnauthorizedClientError
        self.request.client = client
        parameters = self.request.parameters
        if not {"subject_token", "subject_token_type"} <= parameters.keys():
            raise InvalidRequestError("The subject_token or its type is missing.")
        if "actor_token" in parameters:
            raise InvalidRequestError("There is no actor_token here: the client acts.")
        if parameters.get("requested_token_type", ACCESS_TOKEN) != ACCESS_TOKEN:
            raise InvalidRequestError("Only access tokens are given.")

    def create_token_response(self) -> Answer:
        """Answer with a token for what was asked for, which the first one must not be wider than (§2.2)."""
        subject = self._subject()
        scope, resources = self._narrowed(subject)
        claims = self.tokens.access_claims(self.asker, subject.identity, scope, resources)
        claims |= {"sub": subject.sub, **subject.further, "act": {"sub": self.asker.client_id}}
        longest = None if subject.ends_at is None else subject.ends_at - self.provider.clock.now()
        token = self.tokens.access_token(self.asker, subject.identity, claims, longest)
        return self.respond(token_body(token, scope) | {"issued_token_type": ACCESS_TOKEN})

    def _narrowed(self, subject: SubjectToken) -> tuple[tuple[str, ...], tuple[str, ...]]:
        parameters = self.request.parameters
        asked = tuple(dict.fromkeys([*parameters.all("resource"), *parameters.all("audience")]))
        allowed = frozenset(self.asker.settings.resources)
        wide = self.provider.issuer in subject.audiences
        if not asked or not set(asked) <= (allowed if wide else allowed & subject.audiences):
            raise InvalidTargetError
        scope = parameters.words("scope") or tuple(word for word in subject.scope if word not in OF_PEOPLE)
        if not set(scope) <= set(subject.scope):
            raise InvalidScopeError
        return scope, asked

    def _subject(self) -> SubjectToken:
        kind, token = self.request.parameters["subject_token_type"], self.request.parameters["subject_token"]
        if kind == ACCESS_TOKEN:
            return self._ours(token)
        if kind == MATRIX_OPENID:
            return self._matrix(token)
        raise InvalidRequestError("This subject_token_type is not taken.")

    def _ours(self, token: str) -> SubjectToken:
        """Judge an access token of ours: the client's own, or one that is meant for it."""
        tokens = AccessTokens(self.provider)
        try:
            claims = tokens.verify_for_anybody(token)
            grant = tokens.grant(claims)
            identity = (
                tokens.identity(claims) if grant else Identity(CLIENT, str(claims["sub"]), str(claims["sub"]))
            )
        except TokenRefusedError:
            raise InvalidGrantError("The subject_token is not good.") from None
        meant = audiences(claims)
        if claims.get("client_id") != self.asker.client_id and not meant & set(
            self.asker.settings.introspects
        ):
            raise InvalidGrantError("The subject_token is not this client's.")
        further = {name: claims[name] for name in ("gid", "auth_time", "acr") if name in claims}
        scope = tuple(str(claims.get("scope", "")).split())
        return SubjectToken(
            identity, str(claims["sub"]), scope, frozenset(meant), further, float(claims["exp"])
        )

    def _matrix(self, token: str) -> SubjectToken:
        """Ask the homeserver whose OpenID token it is."""
        server_name = self.request.parameters.get("matrix_server_name", "")
        if server_name not in self.provider.settings.matrix_homeservers:
            raise InvalidGrantError("This homeserver is not known here.")
        try:
            identity = OpenIdCaller(homeservers(self.provider)).identity(server_name, token)
            OpenIdRecord(self.provider.gateway.store.attempts, self.provider.instance).count(identity.uid)
        except LimitExceededError as error:
            raise StorageFullError(int(error.headers["Retry-After"])) from None
        except MatrixError:
            raise InvalidGrantError("The homeserver does not know the subject_token.") from None
        scope = tuple(word for word in self.asker.settings.scopes if word not in OF_PEOPLE)
        return SubjectToken(identity, identity.uid, scope, frozenset({self.provider.issuer}))


def homeservers(provider: Provider) -> Homeservers:
    """Return what asks homeservers; those of the configuration only."""
    listed = provider.settings.matrix_homeservers
    return Homeservers(provider.gateway.upstream, provider.clock, listed=listed, overrides={}, insecure=False)
