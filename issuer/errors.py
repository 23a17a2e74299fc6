"""The one error family: what a client reads and what the log says are different texts by construction.

An error class carries `code` (for programs), `status` (HTTP) and `description` (for people, translated when
shown). The instance's argument is for the log alone. `issuer.portal.errors` is the one handler.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from flask_babel import lazy_gettext as _
from flask_babel.speaklater import LazyString


class GatewayError(Exception):
    """Something that a client is told about; the message is for the log only."""

    code: ClassVar[str] = "server_error"
    status: ClassVar[int] = 500
    description: ClassVar[LazyString] = _("Something went wrong here.")
    remedy: ClassVar[LazyString] = _("Please try again in a moment.")
    headers: dict[str, str]
    is_operators: bool = False
    """Whether it is for operators to do something about it: then it is a warning in the log."""

    def __init__(self, log: str = "", headers: dict[str, str] | None = None) -> None:
        """Keep what the log shall say, and headers that the answer needs."""
        super().__init__(log or self.code)
        self.headers = headers or {}


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error on its way to a client: ours if it is one, and the id of an unknown one."""

    status: int
    error: GatewayError | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    error_id: str | None = None


class BadRequestError(GatewayError):
    """The request cannot be understood."""

    code = "invalid_request"
    status = 400
    description = _("This request cannot be understood.")
    remedy = _("Please go back and try again.")


class ForbiddenError(GatewayError):
    """The person is known, and may not do this."""

    code = "access_denied"
    status = 403
    description = _("You are not allowed to use this.")
    remedy = _("If you think that you should be, ask the people who run this service.")


class IdentityRefusedError(ForbiddenError):
    """Somebody signed in with a user name that is not theirs here; the log says whose it is."""

    code = "identity_refused"
    description = _("Your user name cannot be used here.")
    remedy = _("It may belong to somebody else here. Ask the people who run this service.")


class HeaderRefusedError(ForbiddenError):
    """A request names somebody in a header, and is not believed; the log says why."""

    code = "header_refused"
    description = _("This request says who you are in a way that is not trusted.")
    remedy = _("Open this service by its usual address. If you did, tell the people who run it.")


class NoWayInError(ForbiddenError):
    """No login backend is offered to this browser, for where it wants to go."""

    code = "no_way_in"
    description = _("You cannot sign in to this from here.")


class TooWeakError(ForbiddenError):
    """Somebody was asked for a stronger sign-in, and the one that they chose is not."""

    code = "too_weak"
    description = _("You signed in, but this needs a stronger way to sign in.")
    remedy = _("Sign in another way. If you have no other, ask the people who run this service.")


class NotAnewError(ForbiddenError):
    """Somebody was asked to sign in anew, and nobody says that they did."""

    code = "not_signed_in_anew"
    description = _(
        "You must sign in anew for this, and the service where you sign in does not say that you did."
    )
    remedy = _("Please try again and sign in there when it asks, or choose another way to sign in.")


class StepUpRequiredError(GatewayError):
    """A rule would say yes if the person had signed in more strongly; the browser is asked to."""

    code = "step_up_required"
    status = 403
    description = ForbiddenError.description
    remedy = ForbiddenError.remedy

    def __init__(self, log: str, level: int) -> None:
        """Keep the least `authLevel` with which the rule says yes."""
        super().__init__(log)
        self.level = level


class CrossOriginError(ForbiddenError):
    """A form was sent from somewhere else than our own pages."""

    code = "cross_origin"
    description = _("This form was not sent from our own page.")
    remedy = _("Open the page again here, and send the form from there.")


class NotFoundError(GatewayError):
    """There is nothing at this address."""

    code = "not_found"
    status = 404
    description = _("There is nothing at this address.")
    remedy = _("Check the address, or start from the home page.")


class TooLargeError(BadRequestError):
    """The body of the request is larger than we take."""

    code = "too_large"
    status = 413
    description = _("This form holds more than can be sent here.")


class TooManyRequestsError(GatewayError):
    """Somebody tried too often; the answer carries `Retry-After`."""

    code = "too_many_requests"
    status = 429
    description = _("Too many attempts.")
    remedy = _("Please wait a moment before you try again.")

    def __init__(self, log: str, retry_after: int) -> None:
        """Ask the client to wait `retry_after` seconds."""
        super().__init__(log, {"Retry-After": str(retry_after)})
        self.retry_after = retry_after


class UnavailableError(GatewayError):
    """We cannot do this now; the answer carries `Retry-After`."""

    code = "temporarily_unavailable"
    status = 503
    description = _("This service is busy right now.")

    def __init__(self, log: str, retry_after: int = 5) -> None:
        """Ask the client to wait `retry_after` seconds."""
        super().__init__(log, {"Retry-After": str(retry_after)})
