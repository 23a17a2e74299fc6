"""What the Matrix part can refuse."""

from issuer.errors import ForbiddenError
from issuer.upstream import UpstreamError


class OpenIdRefusedError(ForbiddenError):
    """The homeserver does not say that this OpenID token is one of its users'."""

    code = "openid_refused"
    status = 401


class NoClientApiError(UpstreamError):
    """The homeserver's client-server API cannot be found."""

    code = "no_client_api"


class RoomUnreadableError(UpstreamError):
    """A homeserver of the configuration refuses to say who is in a room."""

    code = "room_unreadable"
