"""How clients prove who they are at the token endpoint and its like (RFC 6749 §2.3, OIDC Core §9).

Authlib has the methods; what it takes too lightly is refused before: two methods at once, and names or
secrets that are no text.
"""

import base64
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_plus

from authlib.oauth2.rfc6749 import OAuth2Request
from authlib.oauth2.rfc6749.errors import InvalidClientError, InvalidRequestError

from issuer.bearer import IssuerOf, TokenRefusedError, TokenVerifier
from issuer.identity import Identity
from issuer.world import Clock
from modules.oidc.clients.client import Client, JwkKeys
from modules.oidc.store.once import Once

METHODS = ["client_secret_basic", "client_secret_post", "private_key_jwt", "none"]
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
LONGEST_ASSERTION = 3600.0

QueryClient = Callable[[str], Client | None]

_log = logging.getLogger(__name__)


NOT_ITS_OWN = "The client secret is wrong."
NOT_ENCODED = (
    "The client secret was sent as it is: in Basic authentication, id and secret are form-encoded first, "
    "so that + is %2B and % is %25 (RFC 6749 section 2.3.1)."
)


def basic(query_client: QueryClient, request: OAuth2Request) -> Client | None:
    """Return the client that `Authorization: Basic` names.

    Raises:
        InvalidClientError: the secret is not its own.
    """
    header = request.headers.get("Authorization", "")
    found = basic_credentials(header)
    client = query_client(found[0]) if found else None
    if found and client and client.check_client_secret(found[1]):
        return client
    sent = _as_sent(header)
    if sent and not found:
        client = query_client(sent[0])
    if sent is None or client is None:
        return None
    why = NOT_ENCODED if client.check_client_secret(sent[1]) else NOT_ITS_OWN
    raise InvalidClientError(description=why, status_code=401)


def post(query_client: QueryClient, request: OAuth2Request) -> Client | None:
    """Return the client that a form names with a secret.

    Raises:
        InvalidClientError: the secret is not its own.
    """
    form = request.payload.data
    client = query_client(form.get("client_id", "")) if "client_secret" in form else None
    if client and not client.check_client_secret(form["client_secret"]):
        raise InvalidClientError(description=NOT_ITS_OWN, status_code=401)
    return client


def basic_credentials(header: str) -> tuple[str, str] | None:
    """Return id and secret, which are form-encoded there (RFC 6749 §2.3.1); None when there are none."""
    sent = _as_sent(header)
    try:
        return (
            (unquote_plus(sent[0], errors="strict"), unquote_plus(sent[1], errors="strict")) if sent else None
        )
    except UnicodeDecodeError:
        return None


def _as_sent(header: str) -> tuple[str, str] | None:
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, colon, secret = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
    except ValueError:
        return None
    return (user, secret) if colon else None


def named_client(request: OAuth2Request) -> str:
    """Return who a request says that it is from, "" when it does not; nothing is proved by that."""
    named = basic_credentials(request.headers.get("Authorization", ""))
    return named[0] if named else request.payload.data.get("client_id", "")


def refuse_several(request: OAuth2Request) -> None:
    """Raise InvalidRequestError when a request uses more than one method (RFC 6749 §2.3)."""
    form = request.payload.data
    authorization = request.headers.get("Authorization", "")
    used = [
        bool(authorization),
        "client_secret" in form,
        "client_assertion" in form or "client_assertion_type" in form,
    ]
    if sum(used) > 1:
        raise InvalidRequestError("Use one way to authenticate the client.")
    named = basic_credentials(authorization)
    if named and form.get("client_id", named[0]) != named[0]:
        raise InvalidRequestError("Two clients are named.")


@dataclass(frozen=True, slots=True)
class _Assertions:
    """A client as the issuer of its assertions."""

    issuer: str
    keys: JwkKeys
    types: frozenset[str] | None = None

    def identity(self, claims: Mapping[str, Any]) -> Identity:
        """Return the client itself."""
        return Identity("client", self.issuer, str(claims["sub"]))


class PrivateKeyJwt:
    """`private_key_jwt` (RFC 7523 §2.2 and §3), each assertion once."""

    def __init__(self, audiences: Iterable[str], once: Once, clock: Clock) -> None:
        """Keep whom assertions must be meant for: the issuer, or the token endpoint."""
        self._audiences = tuple(audiences)
        self._once = once
        self._clock = clock
        self._verifier = TokenVerifier(clock)

    def __call__(self, query_client: QueryClient, request: OAuth2Request) -> Client | None:
        """Return the client that an assertion proves; None when there is none."""
        form = request.payload.data
        if form.get("client_assertion_type") != ASSERTION_TYPE or "client_assertion" not in form:
            return None
        try:
            return self._client(query_client, form["client_assertion"], form.get("client_id"))
        except TokenRefusedError as error:
            _log.info("the assertion of a client is refused: %s", error)
            raise InvalidClientError(description="The assertion is not good.", status_code=401) from None

    def _client(self, query_client: QueryClient, assertion: str, named: str | None) -> Client:
        found: list[Client] = []

        def issuer_of(client_id: str) -> _Assertions | None:
            client = query_client(client_id) if named in {None, client_id} else None
            if client is None or not client.check_endpoint_auth_method("private_key_jwt", "token"):
                return None
            found.append(client)
            return _Assertions(client_id, client.keys)

        claims = self._verified(assertion, issuer_of)
        client, token_id = found[0], claims.get("jti")
        if claims["sub"] != client.client_id:
            raise TokenRefusedError("an assertion is about another client")
        if not isinstance(token_id, str) or claims["exp"] > self._clock.now() + LONGEST_ASSERTION:
            raise TokenRefusedError("an assertion has no jti, or lives too long")
        if not self._once.use(f"{client.client_id} {token_id}", claims["exp"]):
            raise TokenRefusedError("an assertion was used before")
        return client

    def _verified(self, assertion: str, issuer_of: IssuerOf) -> Mapping[str, Any]:
        for audience in self._audiences[:-1]:
            try:
                return self._verifier.verify(assertion, issuer_of, audience).claims
            except TokenRefusedError:
                continue
        return self._verifier.verify(assertion, issuer_of, self._audiences[-1]).claims
