"""What grants have in common."""

from typing import Any, cast

from authlib.oauth2.rfc6749.errors import InvalidScopeError, OAuth2Error

from modules.oidc.clients.client import Client
from modules.oidc.provider import Provider
from modules.oidc.server import NO_STORE, ProviderRequest, TokenServer
from modules.oidc.tokens.issue import Body, Tokens

Answer = tuple[int, Body, list[tuple[str, str]]]


class InvalidTargetError(OAuth2Error):
    """An audience that the client may not ask for (RFC 8707 §2)."""

    error = "invalid_target"
    description = "The client may not ask for this resource."


class Issuing:
    """A grant that answers with tokens of ours; Authlib makes one for each request."""

    provider: Provider
    tokens: Tokens
    request: ProviderRequest
    server: TokenServer

    @property
    def asker(self) -> Client:
        """Return the client, once the request is judged."""
        return cast("Client", self.request.client)

    @property
    def repeatable(self) -> bool:
        """Tell whether the request can be judged anew; an assertion of a client counts once."""
        return "client_assertion" not in self.request.parameters

    def respond(self, body: Body) -> Answer:
        """Return an answer with tokens."""
        return 200, body, NO_STORE

    def narrowed_scope(self, granted: tuple[str, ...]) -> tuple[str, ...]:
        """Return the scope of the request, which has nothing that was not granted (RFC 6749 §6)."""
        asked = self.request.parameters.words("scope")
        if not set(asked) <= set(granted):
            raise InvalidScopeError
        return asked or granted

    def narrowed_resources(self, granted: tuple[str, ...]) -> tuple[str, ...]:
        """Return the audiences of the request, among those that were granted (RFC 8707 §2.2)."""
        asked = tuple(dict.fromkeys(self.request.parameters.all("resource")))
        allowed = granted or tuple(self.asker.settings.resources)
        if not set(asked) <= set(allowed):
            raise InvalidTargetError
        return asked or granted


def bound(grant: Any, provider: Provider) -> Any:
    """Return a grant class that knows its provider: Authlib makes its instances itself."""
    return type(grant.__name__, (grant,), {"provider": provider, "tokens": Tokens(provider)})
