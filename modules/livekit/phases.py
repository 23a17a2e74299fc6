"""LiveKit's own part of each phase of an issuance."""

from typing import Any

from flask.typing import ResponseReturnValue

from issuer.errors import ForbiddenError
from issuer.identity import Identity
from issuer.issuance import Phases, Subject, Token
from issuer.matrix import Homeservers, NoClientApiError, OpenIdRefusedError, parse_user_id
from issuer.matrix.answers import BadJsonError, LimitExceededError, UnauthorizedError
from issuer.module import Gateway
from issuer.rules import Rule, Scope, compile_expression, compile_rule
from issuer.signing import SecretSigner, Signer
from issuer.upstream import TooManyCallsError, UpstreamError
from modules.livekit.bodies import CallRequest
from modules.livekit.cors import answer
from modules.livekit.delegation.delegation import Delegation
from modules.livekit.delegation.jobs.job import DelegationRequest as Delegated
from modules.livekit.rooms import Rooms
from modules.livekit.settings import ALGORITHM, LiveKitSettings
from modules.livekit.variables import EVERY_VARIABLE

BACKEND = "matrix"
LONGEST_RECORD = 255
"""Characters of a name that strangers choose, in the record; Matrix room and user ids have no more bytes."""


class CallIssuer:
    """What all issuances of an instance share: settings, compiled rules, homeservers, rooms, the signer."""

    def __init__(self, settings: LiveKitSettings, gateway: Gateway) -> None:
        """Compile; raise `RuleError` for what does not."""
        self.settings = settings
        self.gateway = gateway
        path = f"modules.{gateway.instance}"
        self.rule = compile_rule(settings.rule, option=f"{path}.rule", variables=EVERY_VARIABLE)
        self._full_access = compile_expression(
            settings.full_access, option=f"{path}.full_access", variables=EVERY_VARIABLE
        )
        self.homeservers = Homeservers(
            gateway.upstream,
            gateway.clock,
            listed=settings.full_access_homeservers or (),
            overrides=settings.cs_api_urls,
            insecure=settings.insecure_skip_verify_tls,
        )
        self.rooms = Rooms(settings, gateway.upstream, gateway.clock)
        self.signer: Signer = SecretSigner(ALGORITHM, settings.api_secret)
        self.delegation = Delegation(settings, gateway, self.homeservers)

    def user(self, asked: CallRequest) -> str:
        """Return the user whose OpenID token it is.

        Raises:
            UnauthorizedError: the homeserver does not say so.
            LimitExceededError: too many calls are in flight.
        """
        try:
            user_id = self.homeservers.verify_openid(asked.server_name, asked.access_token)
        except TooManyCallsError as error:
            raise LimitExceededError(str(error), error.retry_after) from None
        except (OpenIdRefusedError, UpstreamError) as error:
            raise UnauthorizedError(str(error)) from None
        if asked.claimed_user_id not in {None, user_id}:
            raise UnauthorizedError(f"the OpenID token is {user_id}'s, who claims to be somebody else")
        return user_id

    def find_api(self, server_name: str) -> None:
        """Make sure that delayed events can be restarted at a homeserver.

        Raises:
            BadJsonError: its client-server API cannot be found.
            LimitExceededError: too many calls are in flight.
        """
        try:
            self.homeservers.client_server_api(server_name)
        except TooManyCallsError as error:
            raise LimitExceededError(str(error), error.retry_after) from None
        except (NoClientApiError, UpstreamError) as error:
            raise BadJsonError(str(error)) from None

    def has_full_access(self, asked: CallRequest, scope: Scope) -> bool:
        """Tell whether the room shall be created for somebody."""
        return self.settings.lists(asked.server_name) and self._full_access.flag(scope)


class LiveKitPhases(Phases):
    """One token for one call."""

    module = "livekit"

    def __init__(self, calls: CallIssuer, asked: CallRequest) -> None:
        """Keep what was asked for."""
        self.instance = calls.gateway.instance
        self._calls = calls
        self._asked = asked
        self._user_id = ""

    def authenticate(self) -> Identity:
        """Ask the homeserver whose OpenID token it is."""
        self._user_id = self._calls.user(self._asked)
        return Identity(BACKEND, self._user_id, self._user_id)

    def variables(self) -> dict[str, str]:
        """Return user, homeserver, room, slot and device."""
        asked = self._asked
        return {
            "user_id": self._user_id,
            "localpart": parse_user_id(self._user_id).localpart,
            "server_name": asked.server_name,
            "room_id": asked.room_id,
            "slot_id": asked.slot_id,
            "device_id": asked.device_id,
        }

    def rule(self) -> Rule:
        """Return the use rule."""
        return self._calls.rule

    def lifetime(self) -> float:
        """Return the configured lifetime, in seconds."""
        return self._calls.settings.expiration

    def claims(self, scope: Scope) -> dict[str, Any]:
        """Create the room for somebody with full access, then return the claims."""
        asked = self._asked
        full_access = self._calls.has_full_access(asked, scope)
        if asked.has_delay:
            if not full_access:  # clients try again without it
                raise BadJsonError("only users with full access can delegate a delayed leave event")
            self._calls.find_api(asked.server_name)
        if full_access:
            self._calls.rooms.create(asked.livekit_room)
        return {
            "iss": self._calls.settings.api_key,
            "sub": asked.livekit_identity(self._user_id),
            "video": {
                "roomJoin": True,
                "room": asked.livekit_room,
                "canPublish": True,
                "canSubscribe": True,
                "canUpdateOwnMetadata": True,
            },
        }

    def signer(self) -> Signer:
        """Return what signs for this SFU."""
        return self._calls.signer

    def subject(self) -> Subject:
        """Return the Matrix room and the LiveKit identity, for the record."""
        return Subject(
            room=_recorded(self._asked.room_id),
            identity=_recorded(self._asked.livekit_identity(self._user_id)),
        )

    def answer(self, token: Token) -> ResponseReturnValue:
        """Return the SFU's address and the token, once a delayed leave event is taken on."""
        if self._asked.has_delay:
            self._calls.delegation.accept(self.delegated())
        return answer({"url": self._calls.settings.url, "jwt": token.text})

    def delegated(self) -> Delegated:
        """Return the delayed leave event that is handed over."""
        asked = self._asked
        return Delegated(
            room=asked.livekit_room,
            identity=asked.livekit_identity(self._user_id),
            server_name=asked.server_name,
            delay_id=asked.delay_id,
            timeout=asked.delay_timeout / 1000,
        )


class DelegationPhases(LiveKitPhases):
    """A delayed leave event that is handed over by itself: the rule decides, but no token is made."""

    def delegate(self, address: str) -> ResponseReturnValue:
        """Run the phases that there are.

        Raises:
            issuer.errors.GatewayError: the rule says no, or the user has no full access.
        """
        calls, asked = self._calls, self._asked
        scope = calls.gateway.issuance.admit(self, self.authenticate(), address)
        if not calls.has_full_access(asked, scope):
            raise ForbiddenError("only users with full access can delegate a delayed leave event")
        calls.find_api(asked.server_name)
        calls.delegation.accept(self.delegated())
        return answer({})


def _recorded(text: str) -> str:
    """Return a text that every database holds (PostgreSQL takes no NUL), of a bounded length."""
    return text[:LONGEST_RECORD].replace("\0", "\N{REPLACEMENT CHARACTER}")
