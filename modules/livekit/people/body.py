"""The body of a request for a token, read strictly."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from issuer.jsontext import strict_json
from issuer.store.database import storable
from modules.livekit.people.errors import FieldError
from modules.livekit.people.settings import PeopleSettings

MATRIX_ROOM = re.compile("[A-Za-z0-9+/]{43}")
"""What `modules.livekit.names.digest` gives: an unpadded SHA-256 in base64."""
LONGEST_ROOM = 1000
"""Bytes in UTF-8, whatever the pattern says."""
LONGEST_REFERENCE = 255
"""Bytes of a scene's or an event's id in UTF-8: the token travels in an address."""
FIELDS = ("roomId", "sceneId", "eventId", "ttl")


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """What somebody asks for."""

    room: str
    scene: str | None = None
    event: str | None = None
    ttl: int | None = None
    """Seconds."""


def parse_body(body: bytes, settings: PeopleSettings) -> TokenRequest:
    """Read a body.

    Raises:
        FieldError: naming the field that is wrong; none when the body as a whole is.
    """
    data = _object(body)
    return TokenRequest(
        room=_room(data, settings),
        scene=_reference(data, "sceneId"),
        event=_reference(data, "eventId"),
        ttl=_ttl(data, settings),
    )


def _object(body: bytes) -> Mapping[str, Any]:
    try:
        data = strict_json(body)
    except ValueError:
        raise FieldError(None, "the body is not JSON") from None
    if not isinstance(data, dict):
        raise FieldError(None, "the body is not a JSON object")
    if data.keys() - set(FIELDS):
        raise FieldError(None, f"the body has an unknown field; there are {', '.join(FIELDS)}")
    return data


def _room(data: Mapping[str, Any], settings: PeopleSettings) -> str:
    room = data.get("roomId")
    if "roomId" not in data:
        raise FieldError("roomId", "is missing")
    if not isinstance(room, str):
        raise FieldError("roomId", "must be a string")
    pattern = re.fullmatch(settings.room_pattern, room) if _fits(room, LONGEST_ROOM) else None
    if pattern is None or not room:
        raise FieldError("roomId", "does not match the pattern of rooms here")
    if MATRIX_ROOM.fullmatch(room) and not settings.allow_matrix_rooms:
        raise FieldError("roomId", "looks like the name of a Matrix call, which is not for this address")
    return room


def _reference(data: Mapping[str, Any], name: str) -> str | None:
    value = data.get(name)
    if name not in data:
        return None
    if not isinstance(value, str):
        raise FieldError(name, "must be a string")
    if not _fits(value, LONGEST_REFERENCE) or not value.isprintable():
        raise FieldError(name, f"must have at most {LONGEST_REFERENCE} bytes in UTF-8, all printable")
    return value


def _fits(text: str, most: int) -> bool:
    return storable(text) and len(text.encode()) <= most


def _ttl(data: Mapping[str, Any], settings: PeopleSettings) -> int | None:
    value = data.get("ttl")
    if "ttl" not in data:
        return None
    if not settings.allow_ttl:
        raise FieldError("ttl", "cannot be chosen here")
    if not isinstance(value, int) or isinstance(value, bool):
        raise FieldError("ttl", "must be a whole number of seconds")
    return value
