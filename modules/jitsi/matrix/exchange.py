"""`POST matrix`: members of a Matrix room get a token for its conference, without any portal session."""

from collections.abc import Mapping
from typing import Any

from flask import Response, jsonify, request
from flask.typing import ResponseReturnValue

from issuer.errors import Refusal
from issuer.identity import Identity
from issuer.issuance import Token
from issuer.matrix.answers import error_body
from issuer.module import ConfigurationError, Gateway
from issuer.rules import Compiler, Rule, Scope
from issuer.web.cors import Cors
from modules.jitsi.claims import Claims
from modules.jitsi.matrix.members import VARIABLES, RoomMembers, variables_of
from modules.jitsi.matrix.request import ConferenceRequest, parse_conference_request
from modules.jitsi.meeting_request import MeetingRequest
from modules.jitsi.phases import JitsiPhases, Meetings
from modules.jitsi.redirect import JitsiState, meeting_page
from modules.jitsi.rooms import parse_room
from modules.jitsi.settings import JitsiSettings

CORS = Cors(methods="POST", request_headers="Content-Type")


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
        compiler = Compiler(f"modules.{gateway.instance}", ("room", "tenant", *VARIABLES, *gateway.macros))
        ours = {"user": settings.matrix.user, "wildcard_room": None}
        self.claims = Claims(settings.model_copy(update=ours), gateway, compiler, user="matrix.user")
        self.rule: Rule = compiler.rule("matrix.rule", settings.matrix.rule)
        compiler.finish()
        self.members = RoomMembers(gateway)

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
        return self._exchange.members.identity(self._wish)

    def variables_of(self, identity: Identity) -> Mapping[str, object]:
        """Return the conference, the room, the person, and where they stand."""
        return {**self.variables(), **variables_of(identity, self._wish)}

    def rule(self) -> Rule:
        """Return the rule for Matrix users."""
        return self._exchange.rule

    def prepare(self, scope: Scope) -> None:
        """Bound what one user, address or homeserver writes into the record."""
        self._exchange.members.count(scope.identity.uid, self._wish.server_name)

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
