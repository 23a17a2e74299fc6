"""The authorization request (RFC 6749 §4.1.1, OIDC Core §3.1.2.1), judged in an order that leaks nothing.

Until client and redirect URI are known to belong together, errors are a page of ours; after that they go to
the client, with `state` and `iss` (RFC 9207).
"""

from dataclasses import dataclass, field

from authlib.oauth2.rfc6749.errors import (
    InvalidRequestError,
    InvalidScopeError,
    OAuth2Error,
    UnauthorizedClientError,
    UnsupportedResponseTypeError,
)
from authlib.oauth2.rfc7636.challenge import CODE_CHALLENGE_PATTERN

from issuer.errors import BadRequestError
from modules.oidc.clients.client import Client, Registry
from modules.oidc.errors import UnknownClientError, WrongRedirectError
from modules.oidc.grants.base import InvalidTargetError
from modules.oidc.parameters import Parameters
from modules.oidc.tokens.claims import ClaimsRequest, ClaimsRequestError, parse_claims_request

PROMPTS = {"none", "login", "consent", "select_account", "create"}
LONGEST_NONCE = 512
PUSHED = "urn:ietf:params:oauth:request_uri:"
"""What the number of a pushed request begins with (RFC 9126 §2.2)."""


class RequestNotSupportedError(OAuth2Error):
    """Request objects are not read (OIDC Core §6)."""

    error = "request_not_supported"


class RequestUriNotSupportedError(OAuth2Error):
    """Requests by reference are read only when they were pushed here (OIDC Core §6.2, RFC 9126)."""

    error = "request_uri_not_supported"


@dataclass(frozen=True, slots=True)
class AuthorizationRequest:
    """An authorization request that can be."""

    client: Client
    redirect_uri: str
    scope: tuple[str, ...]
    state: str | None = field(repr=False, default=None)
    nonce: str | None = field(repr=False, default=None)
    challenge: str | None = None
    prompt: frozenset[str] = frozenset()
    max_age: int | None = None
    acr_values: tuple[str, ...] = ()
    subject: str | None = None
    wishes: ClaimsRequest = field(default_factory=ClaimsRequest)
    resources: tuple[str, ...] = ()


NO_PKCE = (
    "PKCE is required: the parameter code_challenge is missing. For an application that cannot send it, "
    "the operator can set require_pkce = false."
)
QUERY, FORM_POST = "query", "form_post"
RESPONSE_MODES = (QUERY, FORM_POST)


def is_pushed(parameters: Parameters) -> bool:
    """Tell whether a request is the number of one that was pushed."""
    return parameters.get("request_uri", "").startswith(PUSHED)


def client_and_redirect(parameters: Parameters, registry: Registry) -> tuple[Client, str]:
    """Return who asks and where the answer goes.

    Raises:
        issuer.errors.GatewayError: the two do not belong together: nothing may be sent anywhere.
    """
    client = registry.get(parameters.get("client_id", ""))
    if client is None or "authorization_code" not in client.settings.grant_types:
        raise UnknownClientError("no such client, or it has no use for codes")
    given = parameters.get("redirect_uri")
    uri = given or client.get_default_redirect_uri()
    if uri is None or (given and not client.check_redirect_uri(given)):
        raise WrongRedirectError(f"the redirect URI is not one of {client.client_id}")
    if "openid" in parameters.words("scope") and given is None:
        raise BadRequestError("OIDC Core §3.1.2.1: redirect_uri is required")
    return client, uri


def parse_authorization_request(
    parameters: Parameters, client: Client, redirect_uri: str
) -> AuthorizationRequest:
    """Read the rest of a request.

    Raises:
        OAuth2Error: for the client, in words without any of its own.
    """
    _refuse(parameters, client)
    scope = tuple(client.get_allowed_scope(parameters.get("scope")).split())
    if not scope:
        raise InvalidScopeError
    resources = tuple(dict.fromkeys(parameters.all("resource")))
    if not set(resources) <= set(client.settings.resources):
        raise InvalidTargetError
    try:
        wishes = parse_claims_request(parameters.get("claims")).within(client.settings.scopes)
    except ClaimsRequestError as error:
        raise InvalidRequestError(f"The parameter claims is refused: {error}.") from None
    return AuthorizationRequest(
        client=client,
        redirect_uri=redirect_uri,
        scope=scope,
        state=parameters.get("state"),
        nonce=parameters.get("nonce"),
        challenge=_challenge(parameters, client),
        prompt=_prompt(parameters),
        max_age=_max_age(parameters),
        acr_values=parameters.words("acr_values") or wishes.acr,
        subject=wishes.subject,
        wishes=wishes,
        resources=resources,
    )


def _refuse(parameters: Parameters, client: Client) -> None:
    if "request" in parameters:
        raise RequestNotSupportedError("Request objects are not supported.")
    if "request_uri" in parameters:
        raise RequestUriNotSupportedError("A request_uri is read only when it comes from the pushed request.")
    if parameters.get("response_type") is None:
        raise InvalidRequestError("The parameter response_type is missing.")
    if parameters["response_type"] != "code":
        raise UnsupportedResponseTypeError(None, "Only the response type code is supported.")
    if not client.check_response_type("code"):
        raise UnauthorizedClientError
    if parameters.get("response_mode", QUERY) not in RESPONSE_MODES:
        raise InvalidRequestError("The response modes are query and form_post.")
    if len(parameters.get("nonce", "")) > LONGEST_NONCE:
        raise InvalidRequestError("The nonce is too long.")


def _challenge(parameters: Parameters, client: Client) -> str | None:
    """Return the PKCE challenge (RFC 7636 §4.3); only S256 counts, and public clients need one."""
    challenge = parameters.get("code_challenge")
    if challenge is None:
        if "code_challenge_method" in parameters:
            raise InvalidRequestError("The parameter code_challenge is missing.")
        if client.public:
            raise InvalidRequestError("PKCE is required: the parameter code_challenge is missing.")
        if client.settings.require_pkce:
            raise InvalidRequestError(NO_PKCE)
        return None
    if parameters.get("code_challenge_method") != "S256":
        raise InvalidRequestError("The code_challenge_method must be S256.")
    if len(challenge) != 43 or not CODE_CHALLENGE_PATTERN.match(challenge):
        raise InvalidRequestError("The code_challenge is no SHA-256.")
    return challenge


def _prompt(parameters: Parameters) -> frozenset[str]:
    """Return what the client wants people to be asked (OIDC Core §3.1.2.1)."""
    prompt = frozenset(parameters.words("prompt"))
    if not prompt <= PROMPTS or ("none" in prompt and len(prompt) > 1):
        raise InvalidRequestError("The parameter prompt is not understood.")
    return prompt


def _max_age(parameters: Parameters) -> int | None:
    text = parameters.get("max_age")
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise InvalidRequestError("The parameter max_age must be a number of seconds.")
    return int(text)
