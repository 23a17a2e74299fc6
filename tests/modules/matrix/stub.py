"""A homeserver that answers as it is told, and looks at what it is asked; test_synapse.py has real ones."""

import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.upstream.authority import Authority
from tests.upstream.stub import Reply, Seen, Stub

ADMIN_TOKEN = "syt_admin_token"
ROOM = "!room:example.org"
ADMIN = "/_synapse/admin/v1/rooms/"
REFUSED = Reply(401, b'{"errcode": "M_UNKNOWN_TOKEN"}')
UNKNOWN = Reply(404, b'{"errcode": "M_NOT_FOUND", "error": "Room not found"}')


@dataclass
class Home:
    """One room with members, its state events, and OpenID tokens with their users."""

    authority: Authority
    members: list[str] = field(default_factory=list)
    levels: dict[str, Any] | None = None
    tokens: dict[str, str] = field(default_factory=dict)
    broken: dict[str, Reply] = field(default_factory=dict)
    """What is answered at the end of a path instead: members, state."""
    profile: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.server = Stub(self.answer, self.authority.server("localhost"))
        self.name = f"localhost:{self.server.port}"
        self.url = f"https://{self.name}/"
        self.alice = f"@alice:{self.name}"
        self.tokens["alice-token"] = self.alice
        self.members.append(self.alice)

    def asked(self, word: str) -> int:
        """Return how many requests had a word in their paths."""
        return sum(word in path for path in self.server.paths)

    def answer(self, seen: Seen) -> Reply:
        parts = urlsplit(seen.path)
        query = parse_qs(parts.query)
        if parts.path == "/_matrix/federation/v1/openid/userinfo":
            user = self.tokens.get(query["access_token"][0])
            return _json({"sub": user}) if user else REFUSED
        if seen.headers.get("Authorization") != f"Bearer {ADMIN_TOKEN}":
            return REFUSED
        if parts.path.startswith("/_matrix/client/v3/profile/"):
            return _json(self.profile)
        room, _, what = parts.path.removeprefix(ADMIN).partition("/")
        if what in self.broken:
            return self.broken[what]
        return self._of_room(what, query.get("type", [""])[0]) if unquote(room) == ROOM else UNKNOWN

    def _of_room(self, what: str, kind: str) -> Reply:
        if what == "members":
            return _json({"members": self.members, "total": len(self.members)})
        return _json({"state": [event for event in self.state() if event["type"] == kind]})

    def state(self) -> list[dict[str, Any]]:
        create = {"type": "m.room.create", "state_key": "", "sender": self.alice}
        events = [{**create, "content": {"room_version": "11"}}]
        if self.levels is not None:
            events.append({**create, "type": "m.room.power_levels", "content": self.levels})
        return events

    def close(self) -> None:
        self.server.close()


def _json(value: Any) -> Reply:
    return Reply(200, json.dumps(value).encode())
