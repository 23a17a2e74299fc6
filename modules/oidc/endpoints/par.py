"""Pushed authorization requests (RFC 9126): a client lays one down here, and sends people with its number."""

import json
from typing import Any

from authlib.oauth2.rfc6749.errors import InvalidRequestError

from issuer.errors import GatewayError
from modules.oidc.authorization.request import PUSHED, client_and_redirect, parse_authorization_request
from modules.oidc.endpoints.storage import reserve
from modules.oidc.parameters import Parameters
from modules.oidc.provider import Provider
from modules.oidc.server import NO_STORE, ProviderRequest, TokenServer
from modules.oidc.store.pushed import Pushed

LIFETIME = 600.0
"""Long enough to sign in meanwhile; the code that comes of it ends the request (§4: once)."""
READ = frozenset(
    {"response_type", "client_id", "redirect_uri", "scope", "state", "nonce", "prompt", "max_age", "resource"}
    | {
        "response_mode",
        "code_challenge",
        "code_challenge_method",
        "acr_values",
        "claims",
        "login_hint",
        "ui_locales",
    }
)
"""What is kept of a request: nothing that proves something (`client_secret`, `id_token_hint`) is among it."""
LARGEST = 12_288
"""Bytes of all that is kept of one request."""
FOR_PAGES = ("login_hint", "ui_locales")
"""What the pages on the way read from the browser's address."""
LONGEST_FOR_PAGES = 200


class PushedAuthorization:
    """The endpoint of one instance."""

    def __init__(self, provider: Provider, server: TokenServer) -> None:
        self._provider = provider
        self._server = server

    def answer(self, incoming: ProviderRequest) -> tuple[int, Any, list[tuple[str, str]]]:
        """Judge a request as the authorization endpoint would, and keep it (§2.1)."""
        client = self._server.client_of(incoming, "pushed_authorization_request")
        if "request_uri" in incoming.parameters:
            raise InvalidRequestError("A pushed request has no request_uri.")
        given = [*incoming.parameters.without("client_id"), ("client_id", client.client_id)]
        parameters = Parameters(given)
        try:
            _, redirect_uri = client_and_redirect(parameters, self._provider.registry)
        except GatewayError:
            raise InvalidRequestError("The redirect_uri is not one of the client.") from None
        parse_authorization_request(parameters, client, redirect_uri)
        pairs = [(name, value) for name, value in given if name in READ]
        size = len(json.dumps(pairs))
        if size > LARGEST:
            raise InvalidRequestError("The request is too large.")
        reserve(self._provider, client, size)
        number = self._provider.new_secret()
        expires_at = self._provider.clock.now() + LIFETIME
        self._provider.pushed.add(self._provider.hash_of(number), Pushed(client.client_id, pairs), expires_at)
        return 201, {"request_uri": PUSHED + number, "expires_in": int(LIFETIME)}, NO_STORE


def resolved(provider: Provider, parameters: Parameters) -> Parameters:
    """Return the parameters that were pushed before, which a request means (§4).

    Raises:
        InvalidRequestError: the number is not known, or another client's.
    """
    found = provider.pushed.get(provider.hash_of(parameters["request_uri"].removeprefix(PUSHED)))
    if found is None or found.client_id != parameters.get("client_id"):
        raise InvalidRequestError("The request_uri is not known.")
    return Parameters(found.pairs)


def for_pages(sent: Parameters, meant: Parameters) -> list[tuple[str, str]]:
    """Return what was pushed for the pages on the way, and is not in the browser's address yet."""
    pushed = [(name, meant[name]) for name in FOR_PAGES if name in meant and name not in sent]
    return [(name, value) for name, value in pushed if len(value) <= LONGEST_FOR_PAGES]


def use(provider: Provider, parameters: Parameters) -> bool:
    """Use a pushed request up; tell whether it was still there."""
    return provider.pushed.take(provider.hash_of(parameters["request_uri"].removeprefix(PUSHED)))
