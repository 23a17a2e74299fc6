"""Who somebody is, and whether they are in a room; a doubt is a no."""

import logging
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from issuer.identity import Identity
from issuer.matrix import Homeservers
from issuer.matrix.answers import MatrixError
from issuer.matrix.membership import ANY, Memberships, Standing
from issuer.matrix.openid_caller import OpenIdCaller, request_variables
from issuer.module import Gateway
from issuer.observability import audit
from issuer.rules import Scope, compile_rule
from issuer.upstream import UpstreamError
from modules.matrix.bodies import VerificationRequest
from modules.matrix.settings import VerificationSettings

_log = logging.getLogger(__name__)

MODULE = "matrix"
VARIABLES = ("user_id", "localpart", "server_name", "room_id")

Results = Mapping[str, Any]
Verify = Callable[[VerificationRequest, str, float], Coroutine[Any, Any, Results]]
NOBODY: Results = {"results": {"user": False}, "user_id": None}
NOBODY_IN_ROOM: Results = {
    "results": {"room_membership": False, "user": False},
    "user_id": None,
    "power_levels": None,
}


class Verification:
    """Verifies users of an instance, and answers as the User Verification Service does.

    Its methods are for coroutines on the loop of outgoing calls. They are told what is asked, by whom (the
    client's address, for the rule), and how many seconds they may wait for their turn at a homeserver.
    """

    def __init__(self, settings: VerificationSettings, gateway: Gateway) -> None:
        """Compile the rule; raise `RuleError` when it does not."""
        path = f"modules.{gateway.instance}.rule"
        self._settings = settings
        self._gateway = gateway
        self._rule = compile_rule(settings.rule, option=path, variables=VARIABLES)
        configured = gateway.settings.matrix.homeservers
        homeservers = Homeservers(
            gateway.upstream,
            gateway.clock,
            listed=[*settings.server_names, *(name for name in configured if name != ANY)],
            overrides={},
        )
        self._caller = OpenIdCaller(homeservers)
        self._memberships = Memberships(gateway.settings.matrix, gateway.upstream, gateway.clock)

    async def user(self, asked: VerificationRequest, address: str, patience: float) -> Results:
        """Return whose OpenID token it is."""
        user_id = await self._user(asked, address, patience)
        if user_id is None:
            return NOBODY
        audit.user_verified(self._gateway.instance, user_id)
        return {"results": {"user": True}, "user_id": user_id}

    async def user_in_room(self, asked: VerificationRequest, address: str, patience: float) -> Results:
        """Return whose OpenID token it is, and where that user stands in the room."""
        user_id = await self._user(asked, address, patience)
        if user_id is None:
            return NOBODY_IN_ROOM
        standing = await self._standing(user_id, asked.room_id, patience)
        audit.user_verified(
            self._gateway.instance, user_id, asked.room_id, standing.is_member, standing.power_level
        )
        levels = {"room": standing.levels, "user": standing.power_level}
        return {
            "results": {"room_membership": standing.is_member, "user": True},
            "user_id": user_id,
            "power_levels": levels if standing.is_member else None,
        }

    async def _user(self, asked: VerificationRequest, address: str, patience: float) -> str | None:
        names = self._settings.server_names
        if names and asked.server_name not in names:
            self._refused("the server_name is not one of server_names")
            return None
        try:
            identity = await self._caller.find(asked.server_name, asked.token, patience)
        except MatrixError as error:
            self._refused(str(error))
            return None
        return identity.uid if self._is_allowed(identity, asked, address) else None

    def _is_allowed(self, identity: Identity, asked: VerificationRequest, address: str) -> bool:
        request: dict[str, object] = {
            **request_variables(identity, asked.server_name),
            "room_id": asked.room_id,
            "ip": address or None,
            "module": MODULE,
        }
        decision = self._rule.judge(Scope(identity, request, self._gateway.clock.now()))
        if not decision.allowed:
            self._refused(decision.reason, identity.uid)
        return decision.allowed

    async def _standing(self, user_id: str, room_id: str, patience: float) -> Standing:
        try:
            return await self._memberships.find_standing(user_id, room_id, patience)
        except UpstreamError as error:
            _log.warning("who is in a room cannot be found out, so the answer is no: %s", error)
            return Standing()

    def _refused(self, reason: str, user_id: str | None = None) -> None:
        audit.user_not_verified(self._gateway.instance, reason, user_id)
