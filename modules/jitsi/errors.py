"""What people read when a request is refused."""

from flask_babel import lazy_gettext as _

from issuer.errors import BadRequestError, ForbiddenError, GatewayError
from modules.jitsi.rooms import MeetingRequestError, RoomError, TenantError


class BadRoomError(BadRequestError):
    """The room's name cannot be one."""

    code = "bad_room"
    description = _("This cannot be the name of a room.")
    remedy = _("Choose a name of letters, digits and hyphens, and try again.")


class MissingRoomError(BadRequestError):
    """No room was named."""

    code = "missing_room"
    description = _("No room was named.")
    remedy = _("Go back to Jitsi and enter the name of a room, or start a meeting from the home page.")


class DisagreeError(BadRequestError):
    """The room or the tenant is given twice, differently."""

    code = "contradiction"
    description = _("This link names two different rooms.")
    remedy = _("Go back to Jitsi and enter the room again.")


class BadTenantError(BadRequestError):
    """The tenant's name cannot be one."""

    code = "bad_tenant"
    description = _("This link names a part of the Jitsi server that cannot exist.")
    remedy = _("Go back to Jitsi and enter the room again.")


class BadStateError(BadRequestError):
    """The state is not Jitsi's."""

    code = "bad_state"
    description = _("This link is damaged.")
    remedy = _("Go back to Jitsi and enter the room again.")


class RoomForbiddenError(ForbiddenError):
    """The rule of the room said no."""

    description = _("You are not allowed to enter this room.")
    remedy = _("Choose another room, or ask the people who run this service.")


class NoRoomError(RoomForbiddenError):
    """The rule said no, and it says no of every other room too."""

    remedy = _(
        "No other room will help. If you think that you should be able to meet here, ask the people who run"
        " this service."
    )


BY_REASON: dict[str, type[GatewayError]] = {"missing": MissingRoomError, "disagree": DisagreeError}
BY_KIND: dict[type[MeetingRequestError], type[GatewayError]] = {
    RoomError: BadRoomError,
    TenantError: BadTenantError,
}


def refusal(error: MeetingRequestError) -> GatewayError:
    """Return the answer to a request that cannot be."""
    kind = BY_REASON.get(error.reason) or BY_KIND.get(type(error), BadStateError)
    return kind(str(error))
