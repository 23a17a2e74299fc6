"""The token endpoint (RFC 6749 §3.2): every grant answers here."""

from authlib.oauth2.rfc6749.errors import OAuth2Error
from flask.typing import ResponseReturnValue

from issuer.web.application import request_in_hand
from modules.oidc import cors
from modules.oidc.server import TokenServer, read_form


class TokenEndpoint:
    """The endpoint of one instance."""

    def __init__(self, server: TokenServer) -> None:
        """Keep who dispatches."""
        self._server = server

    def answer(self) -> ResponseReturnValue:
        """Answer a client."""
        try:
            incoming = read_form(request_in_hand())
        except OAuth2Error as error:
            return self._server.handle_error_response(None, error)
        answer = self._server.create_token_response(incoming)
        named = incoming.client or self._server.query_client(incoming.parameters.get("client_id", ""))
        return cors.allow(answer, named)
