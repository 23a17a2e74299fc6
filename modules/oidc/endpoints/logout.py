"""RP-initiated logout (OpenID Connect RP-Initiated Logout 1.0): a client asks us to sign the person out.

With an ID token of the very session nobody is asked; else people are: no link signs anybody out (§6).

A form of another site comes without the session, whose cookie is `SameSite=Lax`: it is answered with an
address, which the browser opens with it.
"""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import jwt
from authlib.oauth2.rfc6749.errors import InvalidRequestError
from flask import Response, redirect, render_template, request
from flask.typing import ResponseReturnValue

from issuer.bearer import RingKeys
from issuer.errors import BadRequestError
from issuer.store import Session
from issuer.web.headers import content_security_policy
from modules.oidc.clients.client import Client
from modules.oidc.errors import BadAuthorizationError, WrongRedirectError
from modules.oidc.parameters import Parameters
from modules.oidc.provider import KEY_USE, Provider
from modules.oidc.settings import ALGORITHMS
from modules.oidc.tokens.access import audiences

TYPES = {"JWT", "jwt", None}
LONGEST_QUERY = 4096
"""Characters that an address takes: every proxy passes as many on."""
OPTIONS: Any = {"verify_exp": False, "verify_nbf": False, "verify_iat": False, "verify_aud": False}


@dataclass(frozen=True, slots=True)
class LogoutRequest:
    """A request to sign somebody out."""

    client: Client | None
    sid: str | None
    """The session that an ID token names."""
    redirect_uri: str | None
    state: str | None


class LogoutEndpoint:
    """The endpoint of one instance."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self._gateway = provider.gateway
        self._keys = RingKeys(provider.gateway.keys, KEY_USE)

    def answer(self) -> ResponseReturnValue:
        """Sign out at once, or ask the person.

        Raises:
            issuer.errors.BadRequestError: the request is wrong, or too long.
        """
        if request.method == "GET":
            return self._judge(_readable(request.query_string), confirmed=False)
        parameters = _readable(request.get_data(cache=False))
        if "confirmed" not in parameters:
            return self._as_get(parameters)
        self._gateway.portal.check_origin()
        return self._judge(parameters, confirmed=True)

    def _judge(self, parameters: Parameters, *, confirmed: bool) -> ResponseReturnValue:
        asked = self._asked(parameters)
        session = self._gateway.session()
        if session is None:
            return self._away(asked)
        if not confirmed and asked.sid != self._provider.sid(session):
            return self._ask(asked, parameters)
        return self._sign_out(session, asked)

    def _as_get(self, parameters: Parameters) -> ResponseReturnValue:
        """Let a browser that was sent here by a form (§2) come back with an address.

        An ID token that is too long for one is left out, after it has said which client asks: people are
        asked then, and nothing that somebody sent is kept.
        """
        path, pairs = f"{self._provider.settings.path}/logout", parameters.without()
        if len(urlencode(pairs)) > LONGEST_QUERY:
            client = self._asked(parameters).client
            pairs = parameters.without("id_token_hint", "client_id")
            pairs += [("client_id", client.client_id)] if client else []
        query = urlencode(pairs)
        if len(query) > LONGEST_QUERY:
            raise BadRequestError("the request is too long")
        return redirect(f"{path}?{query}" if query else path, 303)

    def _sign_out(self, session: Session, asked: LogoutRequest) -> ResponseReturnValue:
        self._gateway.portal.end_session(session)
        return self._away(asked)

    def _away(self, asked: LogoutRequest) -> ResponseReturnValue:
        """Send the browser back to the client, or show that it is signed out."""
        if asked.redirect_uri is None:
            return redirect("/logout", 303)
        query = {} if asked.state is None else {"state": asked.state}
        glue = "&" if "?" in asked.redirect_uri else "?"
        location = asked.redirect_uri + (glue + urlencode(query) if query else "")
        return Response(status=303, headers={"Location": location})

    def _ask(self, asked: LogoutRequest, parameters: Parameters) -> Response:
        page = render_template(
            "oidc/logout.html",
            client=asked.client.name if asked.client else None,
            action=f"{self._provider.settings.path}/logout",
            fields=parameters.without("confirmed"),
        )
        places = asked.client.destinations if asked.client else ()
        return Response(page, headers={"Content-Security-Policy": content_security_policy(places)})

    def _asked(self, parameters: Parameters) -> LogoutRequest:
        """Judge a request (§2, §4); one that is wrong leads nowhere.

        Raises:
            issuer.errors.BadRequestError: the parameters contradict each other, or lead to another place.
        """
        hint = self._hint(parameters.get("id_token_hint"))
        named = parameters.get("client_id")
        meant = audiences(hint)
        if named is not None and meant and named not in meant:
            raise BadRequestError("the ID token is for another client")
        client_id = named or next(iter(meant), None)
        client = self._provider.registry.get(client_id) if client_id else None
        wanted = parameters.get("post_logout_redirect_uri")
        if wanted is not None and (client is None or wanted not in client.settings.post_logout_redirect_uris):
            raise WrongRedirectError("the post-logout redirect URI is not one of the client's")
        sid = hint.get("sid")
        return LogoutRequest(client, sid if isinstance(sid, str) else None, wanted, parameters.get("state"))

    def _hint(self, token: str | None) -> dict[str, Any]:
        """Return the claims of an ID token of ours, which may have expired (§2)."""
        if token is None:
            return {}
        try:
            header = jwt.get_unverified_header(token)
            algorithm = str(header.get("alg"))
            key = self._keys.key(header.get("kid"), algorithm) if algorithm in ALGORITHMS else None
            if key is None or header.get("typ") not in TYPES:
                raise BadRequestError("the ID token is not ours")
            found = jwt.decode(token, key, [algorithm], issuer=self._provider.issuer, options=OPTIONS)
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
            raise BadRequestError("the ID token cannot be read") from None
        return dict(found)


def _readable(encoded: bytes) -> Parameters:
    try:
        return Parameters.parse(encoded)
    except InvalidRequestError as error:
        raise BadAuthorizationError(error.description) from None
