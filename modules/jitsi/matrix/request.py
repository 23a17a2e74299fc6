"""What a Matrix client asks for: the conference of one room, before anybody has vouched for the user."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from issuer.jsontext import strict_json
from issuer.matrix.answers import (
    BadJsonError,
    NotJsonError,
)
from issuer.matrix.membership import is_room_id


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
