"""What goes wrong with a request for a token, as programs read it: JSON with `error` and `message`."""

from collections.abc import Mapping
from typing import ClassVar

from issuer.errors import (
    BadRequestError,
    ForbiddenError,
    GatewayError,
    HeaderRefusedError,
    IdentityRefusedError,
    Refusal,
    StepUpRequiredError,
    UnavailableError,
)
from issuer.matrix.answers import MatrixError


class FieldError(BadRequestError):
    """The body, or a field of it, cannot be; both texts are ours, never the client's."""

    def __init__(self, field: str | None, problem: str) -> None:
        """Keep the field (None for the whole body) and what is wrong with it."""
        self.field = field
        self.problem = f"{field} {problem}" if field else problem
        super().__init__(self.problem)


class CallerError(ForbiddenError):
    """Nobody who may ask; `reason` is for programs, `message` for those who write them."""

    reason: ClassVar[str]
    message: ClassVar[str]


class SignedOutError(CallerError):
    """There is no session, and no bearer token."""

    reason = "signed_out"
    message = "Sign in at the portal first, or send a bearer token."


class OriginRefusedError(CallerError):
    """A request with a session does not show that it comes from a page that may use it."""

    reason = "origin"
    message = "A request with a session must come from a configured origin (Origin, Sec-Fetch-Site)."


class BearerRefusedError(CallerError):
    """The bearer token does not prove who asks."""

    reason = "bearer_token"
    message = "The bearer token is not one that is taken here."

    def __init__(self, log: str) -> None:
        """Say so in a header too (RFC 6750 §3)."""
        super().__init__(log, {"WWW-Authenticate": 'Bearer error="invalid_token"'})


TEXTS: Mapping[int, tuple[str, str]] = {
    400: ("invalid_request", "The request cannot be understood."),
    403: ("forbidden", "You are not allowed to enter this room."),
    404: ("not_found", "There is nothing at this address."),
    405: ("method_not_allowed", "This address takes POST."),
    408: ("timeout", "The request took too long."),
    413: ("too_large", "The body is too large."),
    429: ("too_many_requests", "Too many requests at the same time. Try again."),
    502: ("upstream_failed", "Another server cannot be reached. Try again later."),
    503: (UnavailableError.code, "This service is busy right now. Try again."),
}
UNKNOWN = (GatewayError.code, "Something went wrong here. Try again later.")


def error_body(refusal: Refusal, sign_in: str) -> dict[str, str]:
    """Return the body that tells a client of any error.

    Args:
        refusal: the error.
        sign_in: the address of the sign-in page, for somebody who is signed out.
    """
    code, text = TEXTS.get(refusal.status, UNKNOWN)
    match refusal.error:
        case FieldError() as error:
            field = {"field": error.field} if error.field else {}
            return {"error": code, "message": f"{error.problem}.", **field}
        case CallerError() as error:
            more = {"signIn": sign_in} if isinstance(error, SignedOutError) else {}
            return {"error": code, "reason": error.reason, "message": error.message, **more}
        case IdentityRefusedError() | HeaderRefusedError():
            return {"error": code, "reason": "sign_in", "message": "Who you are is not believed here."}
        case ForbiddenError() | StepUpRequiredError():
            return {"error": code, "reason": "rule", "message": text}
        case MatrixError() as error:
            return {"error": code, "message": error.error}
    return {"error": code, "message": f"{text} ({refusal.error_id})" if refusal.error_id else text}
