"""Who asks for a token of a Matrix room's conference, and where they stand in the room."""

from collections.abc import Mapping
from dataclasses import replace

from issuer.authentication.throttling import address_bucket
from issuer.identity import Identity
from issuer.matrix import Homeservers
from issuer.matrix.answers import LimitExceededError, MatrixError
from issuer.matrix.membership import ANY, Memberships, Standing
from issuer.matrix.openid_caller import OpenIdCaller, OpenIdRecord, request_variables
from issuer.matrix.profiles import Profile, Profiles
from issuer.module import Gateway
from issuer.upstream import TooManyCallsError, UpstreamError
from modules.jitsi.matrix.request import ConferenceRequest

STANDING = ("is_member", "power_level", "state_default", "users_default")
"""What rules see of a user's standing in the room."""
VARIABLES = ("user_id", "localpart", "server_name", "room_id", "display_name", "avatar_url", *STANDING)


class RoomUnknownError(MatrixError):
    """No homeserver says who is in the room."""

    code = "M_UNKNOWN"
    status = 502
    error = "No homeserver says who is in this room. Try again later."


class RoomMembers:
    """Asks homeservers; an identity carries what they said in its `claims`."""

    def __init__(self, gateway: Gateway) -> None:
        matrix = gateway.settings.matrix
        self._listed = [name for name in matrix.homeservers if name != ANY]
        homeservers = Homeservers(gateway.upstream, gateway.clock, listed=self._listed, overrides={})
        self._caller = OpenIdCaller(homeservers)
        self._record = OpenIdRecord(gateway.store.attempts, gateway.instance)
        self._address = gateway.address
        self._memberships = Memberships(matrix, gateway.upstream, gateway.clock)
        self._profiles = Profiles(matrix, gateway.upstream)

    def identity(self, wish: ConferenceRequest) -> Identity:
        """Return whose OpenID token it is, with where that user stands in the room.

        Raises:
            issuer.matrix.answers.UnauthorizedError: the homeserver does not say so.
            RoomUnknownError: no homeserver could say who is in the room.
            LimitExceededError: too many calls are in flight.
        """
        identity = self._caller.identity(wish.server_name, wish.access_token)
        standing = self._standing(identity.uid, wish.room_id)
        profile = self._profiles.of(identity.uid) if standing.is_member else None
        return replace(identity, claims={"standing": standing, "profile": profile})

    def count(self, user_id: str, server_name: str) -> None:
        """Count a token of somebody's; a homeserver that is configured has no limit for all of its users.

        Raises:
            LimitExceededError: there were too many.
        """
        stranger = "" if server_name in self._listed else server_name
        self._record.count(user_id, stranger, address_bucket(self._address() or ""))

    def _standing(self, user_id: str, room_id: str) -> Standing:
        try:
            return self._memberships.standing(user_id, room_id)
        except TooManyCallsError as error:
            raise LimitExceededError(str(error), error.retry_after) from None
        except UpstreamError as error:
            raise RoomUnknownError(str(error)) from None


def variables_of(identity: Identity, wish: ConferenceRequest) -> Mapping[str, object]:
    """Return the person, the room, and where they stand in it, as rules see them."""
    standing, profile = identity.claims["standing"], identity.claims["profile"]
    return {
        **request_variables(identity, wish.server_name),
        **(_shown(profile) if isinstance(profile, Profile) else {}),
        **{name: getattr(standing, name) for name in STANDING},
        "room_id": wish.room_id,
    }


def _shown(profile: Profile) -> dict[str, object]:
    avatar = {"avatar_url": profile.avatar_url} if profile.avatar_url else {}
    return {"display_name": profile.display_name, **avatar}
