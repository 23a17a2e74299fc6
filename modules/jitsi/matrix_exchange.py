"""`POST matrix`: members of a Matrix room get a token for its conference, without any portal session."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from flask import Response, jsonify, request
from flask.typing import ResponseReturnValue

from issuer.errors import Refusal
from issuer.identity import Identity
from issuer.issuance import Token
from issuer.jsontext import strict_json
from issuer.matrix import Homeservers
from issuer.matrix.answers import (
    BadJsonError,
    LimitExceededError,
    MatrixError,
    NotJsonError,
    error_body,
)
from issuer.matrix.membership import ANY, Memberships, Standing, is_room_id
from issuer.matrix.openid_caller import OpenIdCaller, request_variables
from issuer.matrix.profiles import Profile, Profiles
from issuer.module import ConfigurationError, Gateway
from issuer.rules import Compiler, Rule, Scope
from issuer.upstream import TooManyCallsError, UpstreamError
from issuer.web.cors import Cors
from modules.jitsi.claims import Claims
from modules.jitsi.meeting_request import MeetingRequest
from modules.jitsi.phases import JitsiPhases, Meetings
from modules.jitsi.redirect import JitsiState, meeting_page
from modules.jitsi.rooms import parse_room
from modules.jitsi.settings import JitsiSettings

STANDING = ("is_member", "power_level", "state_default", "users_default")
"""What rules see of a user's standing in the room."""
VARIABLES = (
    *("room", "tenant", "user_id", "localpart", "server_name", "room_id", "display_name", "avatar_url"),
    *STANDING,
)
CORS = Cors(methods="POST", request_headers="Content-Type")


class RoomUnknownError(MatrixError):
    """No homeserver says who is in the room."""

    code = "M_UNKNOWN"
    status = 502
    error = "No homeserver says who is in this room. Try again later."


@dataclass(frozen=True, slots=True)
class ConferenceRequest:
    """What a request asks for, before anybody has vouched for the user."""

    room_id: str
    server_name: str
    access_token: str = field(repr=False)

    @property
    def conference(self) -> str:
        """Return the name of the room's conference: base32 (RFC 4648 §6) without padding, in lower case."""
        return base64.b32encode(self.room_id.encode()).decode().rstrip("=").lower()


def parse_conference_request(body: bytes) -> ConferenceRequest:
    """Read a body; fields that we do not know are left alone.

    Raises:
        NotJsonError: it is no JSON object.
        BadJsonError: a field is missing or cannot be.
    """
    try:
        data = strict_json(body)
    except ValueError:
        raise NotJsonError("the body is not JSON") from None
    if not isinstance(data, dict) or not isinstance(data.get("openid_token", {}), dict):
        raise NotJsonError("the body, or openid_token in it, is no object")
    token = data.get("openid_token", {})
    wish = ConferenceRequest(
        _text(data, "room_id"), _text(token, "matrix_server_name"), _text(token, "access_token")
    )
    if not is_room_id(wish.room_id):
        raise BadJsonError("room_id is not the identifier of a room")
    return wish


def _text(data: Mapping[str, Any], name: str) -> str:
    value = data.get(name)
    if not isinstance(value, str) or not value:
        raise BadJsonError(f"{name} is missing, empty, or no text")
    return value


class MatrixTokenExchange:
    """What all exchanges of an instance share."""

    def __init__(self, settings: JitsiSettings, gateway: Gateway, meetings: Meetings) -> None:
        """Compile.

        Raises:
            ConfigurationError: no homeserver is configured.
            ExceptionGroup: of RuleError, expressions that do not compile.
        """
        if not gateway.settings.matrix.homeservers:
            text = 'needs a homeserver that says who is in a room: add [matrix.homeservers."example.com"]'
            raise ConfigurationError("matrix.enabled", text)
        self.meetings = meetings
        self._origins = frozenset(settings.matrix.origins)
        compiler = Compiler(f"modules.{gateway.instance}", (*VARIABLES, *gateway.macros))
        ours = {"user": settings.matrix.user, "wildcard_room": None}
        self.claims = Claims(settings.model_copy(update=ours), gateway, compiler, user="matrix.user")
        self.rule: Rule = compiler.rule("matrix.rule", settings.matrix.rule)
        compiler.finish()
        homeservers = gateway.settings.matrix.homeservers
        listed = [name for name in homeservers if name != ANY]
        self.caller = OpenIdCaller(Homeservers(gateway.upstream, gateway.clock, listed=listed, overrides={}))
        self._memberships = Memberships(gateway.settings.matrix, gateway.upstream, gateway.clock)
        self.profiles = Profiles(gateway.settings.matrix, gateway.upstream)

    def respond(self) -> ResponseReturnValue:
        """Answer the request in hand."""
        if request.method == "OPTIONS":
            return Response(status=204, headers=CORS.preflight(self._origins))
        phases = MatrixPhases(self, parse_conference_request(request.get_data(cache=False)))
        gateway = self.meetings.gateway
        return gateway.issuance.respond(phases, gateway.address())

    def refusal(self, refusal: Refusal) -> ResponseReturnValue:
        """Tell a client of an error as Matrix does."""
        answer = jsonify(error_body(refusal))
        answer.headers.update({**self.cors(), **refusal.headers})
        return answer, refusal.status

    def standing(self, user_id: str, room_id: str) -> Standing:
        """Return where a user stands in a room.

        Raises:
            RoomUnknownError: no homeserver could say.
            LimitExceededError: too many calls are in flight.
        """
        try:
            return self._memberships.standing(user_id, room_id)
        except TooManyCallsError as error:
            raise LimitExceededError(str(error), error.retry_after) from None
        except UpstreamError as error:
            raise RoomUnknownError(str(error)) from None

    def cors(self) -> Mapping[str, str]:
        """Return what lets the page that asks read the answer, if it is a configured one."""
        return CORS.answer(self._origins)


class MatrixPhases(JitsiPhases):
    """One token for the conference of one Matrix room."""

    def __init__(self, exchange: MatrixTokenExchange, wish: ConferenceRequest) -> None:
        super().__init__(exchange.meetings, MeetingRequest(parse_room(wish.conference), None, JitsiState()))
        self._exchange = exchange
        self._wish = wish

    def authenticate(self) -> Identity:
        """Ask whose OpenID token it is, and where that user stands in the room."""
        exchange, wish = self._exchange, self._wish
        identity = exchange.caller.identity(wish.server_name, wish.access_token)
        standing = exchange.standing(identity.uid, wish.room_id)
        profile = exchange.profiles.of(identity.uid) if standing.is_member else None
        return replace(identity, claims={"standing": standing, "profile": profile})

    def variables_of(self, identity: Identity) -> Mapping[str, object]:
        """Return the conference, the room, the person, and where they stand."""
        standing, profile = identity.claims["standing"], identity.claims["profile"]
        return {
            **self.variables(),
            **request_variables(identity, self._wish.server_name),
            **(_shown(profile) if isinstance(profile, Profile) else {}),
            **{name: getattr(standing, name) for name in STANDING},
            "room_id": self._wish.room_id,
        }

    def rule(self) -> Rule:
        """Return the rule for Matrix users."""
        return self._exchange.rule

    def claims(self, scope: Scope) -> dict[str, Any]:
        """Return Jitsi's claims, for this one conference."""
        return self._exchange.claims.all(scope, self._asked.room, None)

    def answer(self, token: Token) -> ResponseReturnValue:
        """Return the token, and where its conference is."""
        settings, room = self._meetings.settings, self._asked.room
        url = meeting_page(settings.server_url, room, None)
        answer = jsonify({"jwt": token.text, "room": room.name, "url": url})
        answer.headers.update(self._exchange.cors())
        return answer


def _shown(profile: Profile) -> dict[str, object]:
    avatar = {"avatar_url": profile.avatar_url} if profile.avatar_url else {}
    return {"display_name": profile.display_name, **avatar}
