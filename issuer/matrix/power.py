"""Power levels of a room (Client-Server API §m.room.power_levels, and room version 12)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MORE_THAN_ANY = 2**53 - 1
"""What a creator of a room of version 12 holds, as a number: the largest of canonical JSON (Appendices)."""
STATE_DEFAULT = 50
"""The level that makes a moderator where the room does not say. The specification has 0 for rooms without
power levels, where everybody would be one."""
CREATOR = 100
"""What the creator of a room without power levels holds."""
NUMBERS = ("ban", "events_default", "invite", "kick", "redact", "state_default", "users_default")
CREATORS_ABOVE_ALL = re.compile(r"1[2-9]|[2-9][0-9]|org\.matrix\.hydra\.11")
"""Room versions whose creators hold more power than any number (MSC4289)."""
LEVEL = re.compile(r"[+-]?[0-9]{1,16}")

Content = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Power:
    """Who has which power in a room."""

    room: Content
    """The content of `m.room.power_levels` without its users; {} where there is none."""
    users: Content
    creators: frozenset[str]
    above_all: bool
    """The creators hold more than any number."""
    has_levels: bool

    def of(self, user_id: str) -> int:
        """Return the power level of a user."""
        if user_id in self.creators and self.above_all:
            return MORE_THAN_ANY
        if user_id in self.creators and not self.has_levels:
            return CREATOR
        level = number(self.users.get(user_id))
        return self.users_default if level is None else level

    @property
    def users_default(self) -> int:
        """Return the level of users who are not named."""
        return number(self.room.get("users_default")) or 0

    @property
    def state_default(self) -> int:
        """Return the level from which somebody is a moderator."""
        level = number(self.room.get("state_default"))
        return STATE_DEFAULT if level is None else level


UNKNOWN = Power({}, {}, frozenset(), above_all=False, has_levels=False)
"""Where levels could not be read: nobody has any."""


def power_of(create: Content, levels: Content | None) -> Power:
    """Return who has which power.

    Args:
        create: the event `m.room.create`, or only its content as `content`.
        levels: the content of `m.room.power_levels`, None when the room has none.
    """
    content = create.get("content")
    content = content if isinstance(content, dict) else {}
    version = str(content.get("room_version", "1"))
    above_all = CREATORS_ABOVE_ALL.fullmatch(version) is not None
    names = [create.get("sender"), *(_texts(content.get("additional_creators")) if above_all else ())]
    if not any(names):
        names = [content.get("creator")]  # room versions up to 10
    creators = frozenset(name for name in names if isinstance(name, str))
    users = levels.get("users") if levels else None
    return Power(
        _room(levels or {}),
        users if isinstance(users, dict) else {},
        creators,
        above_all=above_all,
        has_levels=levels is not None,
    )


def _room(levels: Content) -> Content:
    """Return levels without users, and with numbers where callers compare: old rooms have texts there."""
    room = {name: number(value) if name in NUMBERS else value for name, value in levels.items()}
    return {name: value for name, value in room.items() if name != "users" and value is not None}


def _texts(value: object) -> list[str]:
    return [text for text in value if isinstance(text, str)] if isinstance(value, list) else []


def number(value: object) -> int | None:
    """Return a level; rooms of versions up to 9 may have it as a text, a fraction is cut."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return max(-MORE_THAN_ANY, min(value, MORE_THAN_ANY))
    if isinstance(value, float) and abs(value) < MORE_THAN_ANY:
        return int(value)
    if isinstance(value, str) and LEVEL.fullmatch(value.strip()):
        return number(int(value))
    return None
