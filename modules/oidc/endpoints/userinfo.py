"""Userinfo (OIDC Core §5.3): what an access token lets a client know of its person, as they are now."""

import json

from authlib.oauth2.rfc6749.errors import InvalidRequestError
from flask import Response, request
from flask.typing import ResponseReturnValue

from issuer.bearer import TokenRefusedError, bearer_token
from modules.oidc.clients.client import Client
from modules.oidc.parameters import Parameters
from modules.oidc.provider import Provider
from modules.oidc.server import FORM, allow
from modules.oidc.tokens.access import AccessTokens
from modules.oidc.tokens.claims import names_of, person_claims


class UserInfo:
    """The endpoint of one instance."""

    def __init__(self, provider: Provider, tokens: AccessTokens) -> None:
        self._provider = provider
        self._tokens = tokens

    def answer(self) -> ResponseReturnValue:
        """Answer a bearer token."""
        try:
            token = bearer_token(request.headers.get("Authorization")) or _in_form()
        except InvalidRequestError:
            return _challenge("invalid_request", 400)
        if not token:
            return _challenge("")
        try:
            body, client = self._of(token)
        except TokenRefusedError:
            return _challenge("invalid_token")
        if body is None:
            return _challenge("insufficient_scope", 403)
        return allow(Response(json.dumps(body), content_type="application/json"), client)

    def _of(self, token: str) -> tuple[dict[str, object] | None, Client]:
        provider = self._provider
        claims = self._tokens.verify(token, provider.issuer)
        grant = self._tokens.grant(claims)
        client = provider.registry.get(str(claims.get("client_id")))
        if client is None or (grant and grant.client_id != client.client_id):
            raise TokenRefusedError("the client of an access token is gone")
        scope = str(claims.get("scope", "")).split()
        if grant is None or "openid" not in scope:
            return None, client
        identity = self._tokens.identity(claims)
        names = {*names_of(scope), *grant.details.userinfo_claims}
        found = person_claims(provider, client, identity, names)
        return {**found, "sub": provider.subject(identity)}, client


def _in_form() -> str | None:
    """Return the token of a form (RFC 6750 §2.2), for whoever sends no header.

    Raises:
        InvalidRequestError: the form cannot be read, or there is a header too that holds no token.
    """
    if request.method != "POST" or request.mimetype != FORM:
        return None
    found = Parameters.parse(request.get_data(cache=False)).get("access_token")
    if found and "Authorization" in request.headers:
        raise InvalidRequestError("The token stands in two places.")
    return found


def _challenge(error: str, status: int = 401) -> Response:
    """Return what RFC 6750 §3 asks for; a request without a token gets no error code."""
    header = f'Bearer error="{error}"' if error else "Bearer"
    body = json.dumps({"error": error or "invalid_token"})
    answer = Response(body, status, {"WWW-Authenticate": header}, content_type="application/json")
    return allow(answer, None)
