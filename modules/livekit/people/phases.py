"""LiveKit's own part of each phase, for people."""

import logging
from datetime import UTC, datetime
from functools import cached_property
from itertools import accumulate
from typing import Any

from flask import Request
from flask.typing import ResponseReturnValue

from issuer import jsontext
from issuer.identity import Identity
from issuer.issuance import Phases, Subject, Token
from issuer.rules import Rule, Scope
from issuer.signing import Signer
from modules.livekit.people.body import TokenRequest, parse_body
from modules.livekit.people.errors import FieldError
from modules.livekit.people.people import People

_log = logging.getLogger(__name__)

LONGEST_METADATA = 4096
"""Bytes in the token: who joins sends it in an address, and many servers take none of more than 8 KB."""
LONGEST_NAME = 300
"""Bytes in the token. One that is longer is left out, never cut."""


def length(text: str) -> int:
    """Return how many bytes a text has in a token, which is JSON in ASCII: an emoji has 12."""
    return len(jsontext.dump(text)) - len('""')


def fitting(roles: list[str], room: int) -> list[str]:
    """Return the first roles, as many as have room in metadata (bytes), which are JSON inside of JSON."""
    ends = accumulate(length(jsontext.dump(role).decode()) + len(",") for role in roles)
    return [role for role, end in zip(roles, ends, strict=True) if end <= room]


class PeoplePhases(Phases):
    """One token for one person and room."""

    module = "livekit"
    repeatable = True

    def __init__(self, people: People, request: Request) -> None:
        self.instance = people.gateway.instance
        self._people = people
        self._request = request
        self._name: str | None = None

    @cached_property
    def _asked(self) -> TokenRequest:
        """The body, which is read when it is known who asks."""
        if self._request.mimetype != "application/json":
            raise FieldError(None, "the Content-Type must be application/json")
        return parse_body(self._request.get_data(cache=False), self._people.settings)

    def authenticate(self) -> Identity:
        """Return who asks."""
        return self._people.caller.identity(self._request)

    def variables(self) -> dict[str, str]:
        """Return room, scene and event; what was not given is empty."""
        asked = self._asked
        return {"room": asked.room, "scene_id": asked.scene or "", "event_id": asked.event or ""}

    def rule(self) -> Rule:
        """Return the rule of the room."""
        return self._people.rule_for(self._asked.room)

    def lifetime(self) -> float:
        """Return the lifetime that was wished for, within the bounds, in seconds."""
        return self._people.settings.clipped(self._asked.ttl)

    def prepare(self, scope: Scope) -> None:
        """Create the room if that is wanted; one that nobody enters ends by itself."""
        if self._people.create_room.flag(scope):
            self._people.rooms.create(self._asked.room)

    def claims(self, scope: Scope) -> dict[str, Any]:
        """Return LiveKit's claims."""
        people, name = self._people, self._shown_name(scope)
        return {
            "iss": people.sfu.api_key,
            "sub": self._name_of(scope.identity),
            **({"name": name} if name else {}),
            "metadata": self._metadata(scope),
            "video": {
                "roomJoin": True,
                "room": self._asked.room,
                **{grant: rule.flag(scope) for grant, rule in people.grants.items()},
            },
        }

    def _name_of(self, identity: Identity) -> str:
        """Return the name on the SFU: where each token has one of its own, the same for all of this token."""
        if self._name is None:
            self._name = self._people.identities.of(identity)
        return self._name

    def _metadata(self, scope: Scope) -> str:
        roles = self._people.roles.value(scope)
        listed = roles if isinstance(roles, list) else [roles]
        found = [role for role in listed if isinstance(role, str)]
        text = self._about(found)
        if length(text) <= LONGEST_METADATA:
            return text
        kept = fitting(found, LONGEST_METADATA - length(self._about([])))
        _log.warning(
            "%s: people.roles gives %d roles, of which the first %d fit into a token: write an "
            "expression for those that count",
            self.instance,
            len(found),
            len(kept),
        )
        return self._about(kept)

    def _about(self, roles: list[str]) -> str:
        about = {"sceneId": self._asked.scene, "eventId": self._asked.event, "roles": roles}
        return jsontext.dump(about).decode()

    def _shown_name(self, scope: Scope) -> str | None:
        name = self._people.name.text_value(scope)
        if name and length(name) > LONGEST_NAME:
            _log.warning("%s: people.name gives a name that is too long for a token", self.instance)
            return None
        return name

    def signer(self) -> Signer:
        """Return what signs for this SFU."""
        return self._people.signer

    def subject_of(self, identity: Identity) -> Subject:
        """Return the room, the scene, the event and the name on the SFU, for the record."""
        asked, name = self._asked, self._name_of(identity)
        return Subject(room=asked.room, scene=asked.scene, event=asked.event, identity=name)

    def answer(self, token: Token) -> ResponseReturnValue:
        """Return the token, until when it is good (RFC 3339 §5.6), and where."""
        expires = datetime.fromtimestamp(token.claims["exp"], UTC).isoformat()
        at = expires.replace("+00:00", "Z")
        body = {"token": token.text, "expiresAt": at, "url": self._people.sfu.url}
        return self._people.answer(body, self._request)
