"""LiveKit's own part of each phase of an issuance."""

from typing import Any

from flask.typing import ResponseReturnValue

from issuer.errors import ForbiddenError
from issuer.identity import Identity
from issuer.issuance import Phases, Subject, Token
from issuer.matrix.answers import BadJsonError
from issuer.matrix.openid_caller import request_variables
from issuer.rules import Rule, Scope
from issuer.signing import Signer
from modules.livekit.answers import answer
from modules.livekit.bodies import CallRequest
from modules.livekit.call_issuer import CallIssuer
from modules.livekit.delegation.jobs.job import DelegationRequest

LONGEST_RECORD = 255
"""Characters of a name that strangers choose, in the record; Matrix room and user ids have no more bytes."""


class LiveKitPhases(Phases):
    """One token for one call."""

    module = "livekit"

    def __init__(self, calls: CallIssuer, asked: CallRequest) -> None:
        self.instance = calls.gateway.instance
        self._calls = calls
        self._asked = asked

    def authenticate(self) -> Identity:
        """Ask the homeserver whose OpenID token it is."""
        return self._calls.identity(self._asked)

    def variables_of(self, identity: Identity) -> dict[str, str]:
        """Return user, homeserver, room, slot and device."""
        asked = self._asked
        return {
            **request_variables(identity, asked.server_name),
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

    def prepare(self, scope: Scope) -> None:
        """Create the room for somebody with full access, and take their delayed leave event on.

        A room that nobody enters, and a job whose participant never comes, end by themselves.
        """
        calls, asked = self._calls, self._asked
        full_access = calls.has_full_access(asked, scope)
        if asked.has_delay and not full_access:  # clients try again without it
            raise BadJsonError("only users with full access can delegate a delayed leave event")
        if asked.has_delay:
            calls.find_api(asked.server_name)
        if full_access:
            calls.rooms.create(asked.livekit_room)
        if asked.has_delay:
            calls.delegation.accept(self.delegated(scope.identity))

    def claims(self, scope: Scope) -> dict[str, Any]:
        """Return LiveKit's claims."""
        asked, settings = self._asked, self._calls.settings
        can_publish = settings.everybody_can_publish or self._calls.has_full_access(asked, scope)
        return {
            "iss": settings.api_key,
            "sub": asked.livekit_identity(scope.identity.uid),
            "video": {
                "roomJoin": True,
                "room": asked.livekit_room,
                "canPublish": can_publish,
                "canSubscribe": True,
                "canUpdateOwnMetadata": settings.can_update_own_metadata,
            },
        }

    def signer(self) -> Signer:
        """Return what signs for this SFU."""
        return self._calls.signer

    def subject_of(self, identity: Identity) -> Subject:
        """Return the Matrix room and the LiveKit identity, for the record."""
        return Subject(
            room=_recorded(self._asked.room_id),
            identity=_recorded(self._asked.livekit_identity(identity.uid)),
        )

    def answer(self, token: Token) -> ResponseReturnValue:
        """Return the SFU's address and the token."""
        return answer({"url": self._calls.settings.url, "jwt": token.text})

    def delegated(self, identity: Identity) -> DelegationRequest:
        """Return the delayed leave event that somebody hands over."""
        asked = self._asked
        return DelegationRequest(
            room=asked.livekit_room,
            identity=asked.livekit_identity(identity.uid),
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
        calls.delegation.accept(self.delegated(scope.identity))
        return answer({})


def _recorded(text: str) -> str:
    """Return a text that every database holds (PostgreSQL takes no NUL), of a bounded length."""
    return text[:LONGEST_RECORD].replace("\0", "\N{REPLACEMENT CHARACTER}")
