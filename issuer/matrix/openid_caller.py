"""Whose OpenID token is this: the Matrix user who asks, with errors as Matrix clients read them."""

from collections.abc import Mapping

from issuer.identity import Identity
from issuer.matrix.answers import LimitExceededError, MatrixError, UnauthorizedError
from issuer.matrix.errors import OpenIdRefusedError
from issuer.matrix.homeservers import Homeservers
from issuer.matrix.names import parse_user_id
from issuer.upstream import TooManyCallsError, UpstreamError

BACKEND = "matrix"
"""What stands for the login backend in identities of Matrix users."""
VARIABLES = ("user_id", "localpart", "server_name")


class OpenIdCaller:
    """Asks homeservers who their users are."""

    def __init__(self, homeservers: Homeservers) -> None:
        self._homeservers = homeservers

    def identity(self, server_name: str, access_token: str) -> Identity:
        """Return whose OpenID token it is, for request threads.

        Raises:
            UnauthorizedError: the homeserver does not say so.
            LimitExceededError: too many calls are in flight.
        """
        try:
            return _identity(self._homeservers.verify_openid(server_name, access_token))
        except (OpenIdRefusedError, UpstreamError) as error:
            raise _told(error) from None

    async def find(self, server_name: str, access_token: str, patience: float) -> Identity:
        """Return the same for a coroutine on the loop, which waits for its turn at most `patience` seconds.

        It raises the same.
        """
        try:
            return _identity(await self._homeservers.find_openid_user(server_name, access_token, patience))
        except (OpenIdRefusedError, UpstreamError) as error:
            raise _told(error) from None


def request_variables(identity: Identity, server_name: str) -> Mapping[str, str]:
    """Return what rules may look at: the user, the local part of the user id, and the homeserver."""
    user_id = identity.uid
    return {"user_id": user_id, "localpart": parse_user_id(user_id).localpart, "server_name": server_name}


def _identity(user_id: str) -> Identity:
    return Identity(BACKEND, user_id, user_id)


def _told(error: OpenIdRefusedError | UpstreamError) -> MatrixError:
    if isinstance(error, TooManyCallsError):
        return LimitExceededError(str(error), error.retry_after)
    return UnauthorizedError(str(error))
