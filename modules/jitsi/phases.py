"""Jitsi's own part of each phase of an issuance."""

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any

from flask import render_template
from flask.typing import ResponseReturnValue

from issuer.identity import Identity
from issuer.issuance import Phases, Subject, Token
from issuer.module import Gateway
from issuer.rules import Compiler, Rule, Scope
from issuer.signing import RingSigner, SecretSigner, Signer
from issuer.web.application import PreparedResponse
from modules.jitsi.claims import Claims
from modules.jitsi.meeting_request import MeetingRequest, parse_meeting_request
from modules.jitsi.redirect import JitsiState, app_link, meeting_url
from modules.jitsi.rooms import Room
from modules.jitsi.settings import JitsiSettings
from modules.jitsi.state import parse_state

KEY_USE = "jitsi"
VARIABLES = ("room", "tenant")


class Meetings:
    """What all issuances of an instance share: its settings, compiled rules and claims, and its signer."""

    def __init__(self, settings: JitsiSettings, gateway: Gateway) -> None:
        """Compile; raise an ExceptionGroup of `RuleError` for what does not."""
        self.settings = settings
        self.gateway = gateway
        compiler = Compiler(f"modules.{gateway.instance}", (*VARIABLES, *gateway.macros))
        self.claims = Claims(settings, gateway, compiler)
        self._rule = compiler.rule("rule", settings.rule)
        self.wildcard_rule = self.claims.guarded(self._rule)
        self._room_rules = [
            (item.match, compiler.rule(f"rooms.{number}.rule", item.rule))
            for number, item in enumerate(settings.rooms)
        ]
        compiler.finish()
        self.signer: Signer = (
            SecretSigner(settings.algorithm, settings.app_secret)
            if settings.app_secret is not None
            else RingSigner(gateway.keys, settings.key_use, settings.algorithm)
        )

    def rules(self) -> Iterable[Rule]:
        """Return every rule that may let somebody in: those of rooms, and the use rule."""
        return [self._rule, *(rule for _, rule in self._room_rules)]

    def rule_for(self, room: str) -> Rule:
        """Return the rule of the first pattern that matches, else the use rule."""
        return next((rule for match, rule in self._room_rules if fnmatchcase(room, match)), self._rule)


class JitsiPhases(Phases):
    """One token for one meeting."""

    module = "jitsi"
    backdate = 10
    repeatable = True

    def __init__(self, meetings: Meetings, asked: MeetingRequest) -> None:
        self.instance = meetings.gateway.instance
        self._meetings = meetings
        self._asked = asked

    def authenticate(self) -> Identity:
        """Return who is signed in; anybody else is sent to the sign-in page."""
        return self._meetings.gateway.require().identity

    def variables(self) -> Mapping[str, object]:
        """Return room and tenant, in their normal form."""
        return {
            "room": self._asked.room.name,
            "tenant": self._asked.tenant.name if self._asked.tenant else "",
        }

    def rule(self) -> Rule:
        """Return the rule of the room."""
        return self._meetings.rule_for(self._asked.room.name)

    def lifetime(self) -> float:
        """Return the configured lifetime, in seconds."""
        return self._meetings.settings.expiration

    def claims(self, scope: Scope) -> dict[str, Any]:
        """Return Jitsi's claims."""
        return self._meetings.claims.all(scope, self._asked.room, self._asked.tenant)

    def signer(self) -> Signer:
        """Return what signs for this Jitsi server."""
        return self._meetings.signer

    def subject(self) -> Subject:
        """Return the room and the tenant, for the record."""
        tenant = self._asked.tenant
        return Subject(room=self._asked.room.name, tenant=tenant.name if tenant else None)

    def answer(self, token: Token) -> ResponseReturnValue:
        """Send the browser to the meeting; an app gets a page with its link."""
        settings, asked = self._meetings.settings, self._asked
        url = meeting_url(
            settings.server_url,
            asked.room,
            None if settings.preset else asked.tenant,
            token.text,
            token_in=settings.token_in,
            overrides=asked.state.overrides,
        )
        platform = asked.state.platform
        if platform is None:
            return PreparedResponse(status="302 FOUND", headers=[("Location", url)])
        app = app_link(platform, url, settings.apps.apps())
        return render_template("jitsi/app.html", room=asked.room.name, app=app, url=url)


EVERY_ROOM = Room(name="*", claim="*", segment="*")


def state_phases(meetings: Meetings, state: str) -> JitsiPhases:
    """Return the phases of a token for the room that a client's `state` names.

    A state that is not Jitsi's, or names no room, means every room, if `wildcard_room` says yes.

    Raises:
        AskedError: it is Jitsi's, and cannot be.
    """
    if not state.lstrip().startswith("{") or parse_state(state).room is None:
        return EveryRoomPhases(meetings)
    return JitsiPhases(meetings, parse_meeting_request([], states=[state]))


class SomeRoomPhases(JitsiPhases):
    """A token for a room that is not said yet: for asking a rule whether there could be one."""

    def __init__(self, meetings: Meetings, rule: Rule) -> None:
        """Ask this rule."""
        super().__init__(meetings, MeetingRequest(EVERY_ROOM, None, JitsiState()))
        self._some_rule = rule

    def variables(self) -> dict[str, str]:
        """Return neither room nor tenant."""
        return {}

    def rule(self) -> Rule:
        """Return the rule that is asked."""
        return self._some_rule


class EveryRoomPhases(JitsiPhases):
    """A token that opens every conference."""

    def __init__(self, meetings: Meetings) -> None:
        super().__init__(meetings, MeetingRequest(EVERY_ROOM, None, JitsiState()))

    def variables(self) -> dict[str, str]:
        """Return an empty room: no rule mistakes it for one."""
        return {"room": "", "tenant": ""}

    def rule(self) -> Rule:
        """Return the use rule, which says yes only where `wildcard_room` does too."""
        return self._meetings.wildcard_rule

    def subject(self) -> Subject:
        """Return no room, for the record."""
        return Subject()
