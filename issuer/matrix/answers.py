"""Errors as Matrix clients read them (Client-Server API §Standard error response).

A module whose clients speak Matrix raises these, and answers `Module.refusal` with `error_body`.
"""

from typing import ClassVar

from issuer.errors import GatewayError, Refusal


class MatrixError(GatewayError):
    """A Matrix error: `code` is its errcode, `error` the text for the client."""

    error: ClassVar[str]


class NotJsonError(MatrixError):
    """The body is no JSON, has other types than expected, or an unknown field."""

    code = "M_NOT_JSON"
    status = 400
    error = "The body is not the JSON that this path takes."


class BadJsonError(MatrixError):
    """The body is JSON, but a field is missing or cannot be."""

    code = "M_BAD_JSON"
    status = 400
    error = "A field of the body is missing, empty, or not possible here."


class UnauthorizedError(MatrixError):
    """The homeserver does not vouch for the user."""

    code = "M_UNAUTHORIZED"
    status = 401
    error = "The homeserver does not say that this OpenID token is the user's."


class LimitExceededError(MatrixError):
    """One of our own limits is reached; the answer carries `Retry-After`."""

    code = "M_LIMIT_EXCEEDED"
    status = 429
    error = "Too many requests at the same time. Try again."

    def __init__(self, log: str, retry_after: int = 1) -> None:
        """Ask the client to wait `retry_after` seconds."""
        super().__init__(log, {"Retry-After": str(retry_after)})


class UnknownError(MatrixError):
    """Something that has no errcode of its own."""

    code = "M_UNKNOWN"
    status = 500
    error = "Something went wrong here. Try again later."


BY_STATUS = {
    400: ("M_UNKNOWN", "The request cannot be understood."),
    403: ("M_FORBIDDEN", "You are not allowed to use this."),
    404: ("M_UNRECOGNIZED", "There is nothing at this path."),
    405: ("M_UNRECOGNIZED", "This path does not take this method."),
    413: ("M_TOO_LARGE", "The body is too large."),
    429: ("M_LIMIT_EXCEEDED", LimitExceededError.error),
}


def error_body(refusal: Refusal) -> dict[str, str]:
    """Return the body that tells a client of any error; an unknown one with its id in the log."""
    if isinstance(refusal.error, MatrixError):
        return {"errcode": refusal.error.code, "error": refusal.error.error}
    errcode, text = BY_STATUS.get(refusal.status, (UnknownError.code, UnknownError.error))
    if refusal.error_id:
        text = f"{text} ({refusal.error_id})"
    return {"errcode": errcode, "error": text}
