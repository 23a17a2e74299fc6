"""Whose OpenID token is this: the Matrix user who asks, with errors as Matrix clients read them."""

import math
from collections.abc import Mapping

from issuer.identity import Identity
from issuer.matrix.answers import LimitExceededError, MatrixError, UnauthorizedError
from issuer.matrix.errors import OpenIdRefusedError
from issuer.matrix.homeservers import Homeservers
from issuer.matrix.names import parse_user_id
from issuer.store import Attempts, Quota
from issuer.upstream import Party, TooManyCallsError, UpstreamError

LONGEST_NAMED = 255
BACKEND = "matrix"
"""What stands for the login backend in identities of Matrix users."""
VARIABLES = ("user_id", "localpart", "server_name")
OF_USER = Quota(60, 600.0)
"""Tokens, in so many seconds, for one Matrix user."""
OF_ADDRESS = Quota(3000, 600.0)
"""For users of homeservers that the settings do not name, who ask from one address."""
OF_HOMESERVER = Quota(15_000, 600.0)
"""For all users of such a homeserver."""


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
            raise self._told(error, server_name) from None

    async def find(self, server_name: str, access_token: str, patience: float) -> Identity:
        """Return the same for a coroutine on the loop, which waits for its turn at most `patience` seconds.

        It raises the same.
        """
        try:
            return _identity(await self._homeservers.find_openid_user(server_name, access_token, patience))
        except (OpenIdRefusedError, UpstreamError) as error:
            raise self._told(error, server_name) from None

    def _told(self, error: OpenIdRefusedError | UpstreamError, server_name: str) -> MatrixError:
        if isinstance(error, TooManyCallsError):
            return LimitExceededError(str(error), error.retry_after)
        told = UnauthorizedError(str(error))
        is_ours = self._homeservers.party(server_name) is Party.LISTED
        told.is_operators = is_ours and isinstance(error, UpstreamError)
        return told


class OpenIdRecord:
    """Bounds what Matrix users, who are strangers here, write into the record of issuances."""

    def __init__(self, attempts: Attempts, instance: str) -> None:
        self._attempts = attempts
        self._name = f"record:{instance}"

    def count(self, user_id: str, server_name: str = "", address: str = "") -> None:
        """Count a token that is about to be recorded.

        Args:
            user_id: whose it is.
            server_name: the homeserver, if the settings do not name it.
            address: the bucket of the address that asks, where that is the user's.

        Raises:
            LimitExceededError: there are too many; nothing is counted.
        """
        quotas = {f"{self._name}:{user_id}": OF_USER}
        if server_name:
            quotas |= {f"{self._name}:{address}": OF_ADDRESS, f"{self._name}:{server_name}": OF_HOMESERVER}
        pause = self._attempts.spend(quotas, 1.0)
        if pause is not None:
            text = f"too many tokens: {pause.bucket.removeprefix(self._name + ':')[:LONGEST_NAMED]}"
            raise LimitExceededError(text, math.ceil(pause.seconds))


def request_variables(identity: Identity, server_name: str) -> Mapping[str, str]:
    """Return what rules may look at: the user, the local part of the user id, and the homeserver."""
    user_id = identity.uid
    return {"user_id": user_id, "localpart": parse_user_id(user_id).localpart, "server_name": server_name}


def _identity(user_id: str) -> Identity:
    return Identity(BACKEND, user_id, user_id)
