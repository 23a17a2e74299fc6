"""The routes and abilities of the verification API."""

import hmac
import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from flask import Blueprint, Response, request
from flask.typing import ResponseReturnValue

from issuer.errors import Refusal
from issuer.module import Gateway, Module, RootRoute
from issuer.settings.secrets import weakness
from issuer.upstream import deferred
from issuer.web.cors import EVERYBODY
from modules.matrix.bodies import BadApiTokenError, BadBodyError, parse
from modules.matrix.settings import TOKEN_BYTES, VerificationSettings
from modules.matrix.verification import Verification, Verify

JSON = "application/json"
WELL_KNOWN = "/.well-known/element/jitsi"
ELEMENT = {"auth": "openidtoken-jwt"}
TEXTS = {404: "there is nothing at this path", 405: "this path does not take this method"}


class MatrixModule(Module):
    """Tells Prosody who a Matrix user is, and whether they are in a room."""

    name = "matrix"
    title = "Matrix"
    Settings = VerificationSettings
    settings: VerificationSettings

    def __init__(self, settings: VerificationSettings, gateway: Gateway) -> None:
        """Compile the rule.

        Raises:
            issuer.rules.RuleError: the rule does not compile.
        """
        super().__init__(settings, gateway)
        self._verification = Verification(settings, gateway)
        token = settings.api_token
        self._api_token = token.get_secret_value().encode() if token else None
        names = settings.server_names
        self._default_server = names[0] if len(names) == 1 else None
        self._views: dict[tuple[str, str], Callable[[], ResponseReturnValue]] = {
            ("POST", "/verify/user"): self.user,
            ("POST", "/verify/user_in_room"): self.user_in_room,
            ("GET", "/health"): self.health,
        }

    def blueprint(self) -> Blueprint:
        """Return `verify/user`, `verify/user_in_room` and `health`."""
        routes = Blueprint("matrix", __name__)
        for (method, path), view in self._views.items():
            endpoint = path.strip("/").replace("/", "_")
            routes.add_url_rule(path, endpoint, view, methods=[method], provide_automatic_options=False)
        return routes

    def root_routes(self) -> Iterable[RootRoute]:
        """Return the same at the root, and the well-known file, when the configuration wants that."""
        if self.settings.at_root:
            for (method, path), view in self._views.items():
                yield method, path, view
        if self.settings.element_well_known:
            yield "GET", WELL_KNOWN, self.element

    def owns(self, path: str) -> bool:
        """Tell whether a path is one of this instance's routes."""
        return super().owns(path) or path.rstrip("/") in {route for _, route, _ in self.root_routes()}

    def user(self) -> ResponseReturnValue:
        """Answer whose OpenID token it is."""
        return self._verified(self._verification.user, with_room=False)

    def user_in_room(self) -> ResponseReturnValue:
        """Answer the same, and where that user stands in a room."""
        return self._verified(self._verification.user_in_room, with_room=True)

    def _verified(self, verify: Verify, *, with_room: bool) -> ResponseReturnValue:
        self._require_api_token()
        asked = parse(request.get_data(cache=False), self._default_server, with_room=with_room)
        address = self.gateway.address()

        async def find(patience: float) -> bytes:
            return json.dumps(await verify(asked, address, patience)).encode()

        return deferred.respond(self.gateway.upstream, find, JSON)

    def health(self) -> ResponseReturnValue:
        """Say that this process is alive."""
        return Response("ok\n", content_type="text/plain")

    def element(self) -> ResponseReturnValue:
        """Tell Element, on a page of another origin, to send its OpenID token to Jitsi."""
        return _json(ELEMENT, headers=EVERYBODY)

    def _require_api_token(self) -> None:
        if self._api_token is None:
            return
        scheme, _, shown = request.headers.get("Authorization", "").partition(" ")
        given = shown.strip(" \t").encode("latin-1", "replace")
        if not hmac.compare_digest(given, self._api_token) or scheme.lower() != "bearer":
            raise BadApiTokenError("the caller does not show the API token")

    def refusal(self, refusal: Refusal) -> ResponseReturnValue:
        """Tell a caller of an error: in words, but for the API token as the contract says."""
        if isinstance(refusal.error, BadApiTokenError):
            return _json({}, 403)
        if isinstance(refusal.error, BadBodyError):
            text = refusal.error.text
        else:
            text = TEXTS.get(refusal.status, "something went wrong here")
        text = f"{text} ({refusal.error_id})" if refusal.error_id else text
        return Response(f"{text}\n", refusal.status, refusal.headers, content_type="text/plain")

    def warnings(self) -> Iterable[str]:
        """Return what is dangerous or useless in the configuration."""
        token = self.settings.api_token
        if token is None:
            yield "api_token is not set: whoever reaches this address may ask"
        elif why := weakness(token, TOKEN_BYTES):
            yield f"api_token {why}"
        if not self.gateway.settings.matrix.homeservers:
            yield "nobody is in any room, because no homeserver is configured: add [matrix.homeservers]"


def _json(body: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(json.dumps(body), status, headers, content_type=JSON)
