"""Authlib's authorization server, on requests that we have read strictly and answers of Flask.

Authlib's own integration with Flask reads its settings from the application, lets parameters stand twice and
answers with what clients sent: so its framework-free core is used.
"""

import logging
from collections.abc import Callable
from typing import Any

from authlib.oauth2.rfc6749 import AuthorizationServer, JsonRequest, OAuth2Payload, OAuth2Request
from authlib.oauth2.rfc6749.errors import InvalidClientError, InvalidRequestError, OAuth2Error
from flask import Request, Response
from flask.typing import ResponseReturnValue

from issuer import jsontext
from issuer.web.application import PreparedResponse, request_in_hand
from issuer.web.cors import EVERYBODY, Cors
from modules.oidc.clients.authentication import (
    METHODS,
    PrivateKeyJwt,
    basic,
    named_client,
    post,
    refuse_several,
)
from modules.oidc.clients.client import Client, Registry
from modules.oidc.parameters import Parameters

FORM = "application/x-www-form-urlencoded"
NO_STORE = [("Content-Type", "application/json"), ("Cache-Control", "no-store"), ("Pragma", "no-cache")]

OnRefusal = Callable[[str | None, str], None]

BLANK = vars(OAuth2Request("POST", "https://localhost/"))
"""What Authlib's own constructor sets; it takes the address apart for every request."""

_log = logging.getLogger(__name__)


def quiet() -> None:
    """Silence Authlib below warnings: it logs tokens when it debugs."""
    logging.getLogger("authlib").setLevel(logging.WARNING)


class Payload(OAuth2Payload):
    """The parameters of a request, as Authlib asks for them."""

    def __init__(self, parameters: Parameters) -> None:
        self.parameters = parameters

    @property
    def data(self) -> Parameters:
        """Return every parameter."""
        return self.parameters

    @property
    def datalist(self) -> dict[str, list[str]]:
        """Return every parameter as a list: none is there twice."""
        return {name: [value] for name, value in self.parameters.items()}


class ProviderRequest(OAuth2Request):
    """A request whose parameters are read."""

    def __init__(self, parameters: Parameters, headers: Any) -> None:
        self.__dict__.update(BLANK)
        self.headers = headers
        self.parameters = parameters
        self.payload = Payload(parameters)

    @property
    def args(self) -> Parameters:
        """Return the parameters."""
        return self.parameters

    @property
    def form(self) -> Parameters:
        """Return the parameters."""
        return self.parameters


def read_form(incoming: Request) -> ProviderRequest:
    """Read a POST to an endpoint for programs.

    Raises:
        InvalidRequestError: it is no form, or one of its parameters cannot be.
    """
    if incoming.query_string:
        raise InvalidRequestError("Parameters belong into the body.")
    if incoming.mimetype != FORM:
        raise InvalidRequestError(f"The body must be {FORM}.")
    found = ProviderRequest(Parameters.parse(incoming.get_data(cache=False)), incoming.headers)
    refuse_several(found)
    return found


class TokenServer(AuthorizationServer):
    """Finds clients, dispatches to the grants, and answers."""

    def __init__(self, registry: Registry, private_key_jwt: PrivateKeyJwt, refused: OnRefusal) -> None:
        """Register how clients prove who they are; the grants are registered by the module.

        Args:
            registry: who the clients are.
            private_key_jwt: judges assertions.
            refused: hears which client (None: one that is not known) did not prove who it is, and why.
        """
        super().__init__()
        self._registry = registry
        self._refused = refused
        self.register_client_auth_method("client_secret_basic", basic)
        self.register_client_auth_method("client_secret_post", post)
        self.register_client_auth_method("private_key_jwt", private_key_jwt)

    def query_client(self, client_id: str) -> Client | None:
        """Return a client."""
        return self._registry.get(client_id)

    def save_token(self, token: object, request: object) -> None:
        """Keep nothing: the host records what it signs."""

    def send_signal(self, name: str, *args: object, **kwargs: object) -> None:
        """Tell nobody."""

    def create_oauth2_request(self, request: Any) -> OAuth2Request:
        """Return the request, which is read already."""
        if not isinstance(request, OAuth2Request):
            raise TypeError(request)
        return request

    def create_json_request(self, request: Any) -> JsonRequest:
        """Refuse: nothing here takes JSON."""
        raise NotImplementedError

    def handle_response(self, status: int, body: Any, headers: Any) -> Response:
        """Return an answer of Flask, which nobody keeps (RFC 6749 §5.1)."""
        content = body.encode() if isinstance(body, str) else jsontext.dump(body)
        return PreparedResponse(content, str(status), [*NO_STORE, *_further(headers)])

    def handle_error_response(self, request: ProviderRequest | None, error: OAuth2Error) -> Response:
        """Answer with an error; no word of the client's is in it."""
        _log.info("%s: %s", error.error, error.description)
        if request and isinstance(error, InvalidClientError):
            named = self._registry.get(named_client(request))
            self._refused(named.client_id if named else None, str(error.description))
        return self.handle_response(*error(None))

    def client_of(self, incoming: OAuth2Request, endpoint: str) -> Client:
        """Return the client that asks an endpoint.

        Raises:
            InvalidClientError: it does not prove who it is.
        """
        client: Client = self.authenticate_client(incoming, METHODS, endpoint)
        incoming.client = client
        return client


def form_endpoint(server: TokenServer, answer: Any) -> ResponseReturnValue:
    """Answer the request in hand with what `answer(request)` returns as (status, body, headers)."""
    try:
        incoming = read_form(request_in_hand())
    except OAuth2Error as error:
        return allow(server.handle_error_response(None, error), None)
    try:
        response = server.handle_response(*answer(incoming))
    except OAuth2Error as error:
        response = server.handle_error_response(incoming, error)
    return allow(response, incoming.client)


def _further(headers: Any) -> list[tuple[str, str]]:
    return [(name, value) for name, value in headers or () if name.lower() not in _OURS]


_OURS = frozenset(name.lower() for name, _ in NO_STORE)


CORS = Cors(
    methods="GET, POST",
    request_headers="Authorization, Content-Type",
    exposed="WWW-Authenticate",
)
FOR_ALL_PAGES = {**EVERYBODY, "Access-Control-Expose-Headers": CORS.exposed}


def allow(answer: Response, client: Client | None) -> Response:
    """Let the client's own pages read an answer, and no others.

    Where no client is known it is an error with nothing of anybody in it, which every page may read: one that
    cannot is told of no network instead.
    """
    answer.headers.update(CORS.answer(client.origins) if client else FOR_ALL_PAGES)
    return answer


class TokenEndpoint:
    """The endpoint of one instance."""

    def __init__(self, server: TokenServer) -> None:
        self._server = server

    def answer(self) -> ResponseReturnValue:
        """Answer a client."""
        try:
            incoming = read_form(request_in_hand())
        except OAuth2Error as error:
            return allow(self._server.handle_error_response(None, error), None)
        answer = self._server.create_token_response(incoming)
        named = incoming.client or self._server.query_client(incoming.parameters.get("client_id", ""))
        return allow(answer, named)
