"""What the Matrix part can refuse."""

import re

from issuer.errors import ForbiddenError, GatewayError
from issuer.upstream import BadAnswerError, UpstreamError, UpstreamResponse

ERRCODE = re.compile(r"[A-Z][A-Z0-9_]{1,60}")
REMEDIES = {
    401: "something before the homeserver asks for a password: it must let the federation API through",
    403: "its federation is off for us, or something before it refuses: allow our requests there",
    404: "its listener needs the resource `openid` or `federation`, and a proxy must not leave the path out",
    429: "something there limits our requests: allow this machine more",
}
BY_HUNDREDS = {
    3: "it sends us elsewhere, as homeservers never do here: something else answers at its address",
    5: "the homeserver, or a proxy before it, fails: its log says why",
}
OTHERS = "something else than a homeserver answers at its address"


class OpenIdRefusedError(ForbiddenError):
    """The homeserver does not say that this OpenID token is one of its users'."""

    code = "openid_refused"
    status = 401


class UnknownTokenError(OpenIdRefusedError):
    """The homeserver does not know the OpenID token: it answers as it should."""


class NoClientApiError(UpstreamError):
    """The homeserver's client-server API cannot be found."""

    code = "no_client_api"


class RoomUnreadableError(UpstreamError):
    """A homeserver of the configuration refuses to say who is in a room."""

    code = "room_unreadable"


def refusal_of(name: str, answer: UpstreamResponse) -> GatewayError:
    """Return what it means that a homeserver does not say whose an OpenID token is.

    That it does not know the token is one thing; everything else is not the token's fault, and the message
    says what to do.
    """
    errcode = errcode_of(answer)
    if (answer.status, errcode) == (401, "M_UNKNOWN_TOKEN"):
        return UnknownTokenError(f"{name} does not know the OpenID token (401 {errcode})")
    remedy = REMEDIES.get(answer.status) or BY_HUNDREDS.get(answer.status // 100, OTHERS)
    what = f"{answer.status} {errcode or 'without an errcode'}"
    return BadAnswerError(f"{name} answers {what} when asked whose an OpenID token is: {remedy}")


def errcode_of(answer: UpstreamResponse) -> str:
    """Return what kind of error it is; "" when it is no Matrix error."""
    try:
        found = answer.json()
    except BadAnswerError:
        return ""
    errcode = found.get("errcode") if isinstance(found, dict) else None
    return errcode if isinstance(errcode, str) and ERRCODE.fullmatch(errcode) else ""
