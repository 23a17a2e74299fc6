"""The bodies of requests, read strictly: what clients of MSC4195 send, and nothing else."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from issuer.jsontext import strict_json
from issuer.matrix.answers import BadJsonError, NotJsonError
from modules.livekit import names
from modules.livekit.delegation.jobs.job import is_delay_id

Shape = Mapping[str, Any]
"""The fields of an object: their types, and the shape of an object that is inside."""

LONGEST_DELAY = 2**63 // 1_000_000 - 1
"""Milliseconds that lk-jwt-service can count (in nanoseconds)."""
LONGEST_TEXT = 16_384
"""Characters of a field, OpenID tokens among them."""
NUMBER = (int, float)
OPENID_TOKEN: Shape = {
    "access_token": str,
    "token_type": str,
    "matrix_server_name": str,
    "expires_in": NUMBER,
}
DELAY: Shape = {"delay_id": str, "delay_timeout": int, "delay_cs_api_url": str}
MEMBER: Shape = {"id": str, "claimed_user_id": str, "claimed_device_id": str}
GET_TOKEN: Shape = {"room_id": str, "slot_id": str, "openid_token": OPENID_TOKEN, "member": MEMBER, **DELAY}
SFU_GET: Shape = {"room": str, "openid_token": OPENID_TOKEN, "device_id": str, **DELAY}


@dataclass(frozen=True, slots=True)
class CallRequest:
    """What a request asks for, before anybody has vouched for the user."""

    room_id: str
    slot_id: str
    device_id: str
    server_name: str
    access_token: str = field(repr=False)
    member_id: str | None = None
    """None for /sfu/get."""
    claimed_user_id: str | None = None
    """None for /sfu/get."""
    delay_id: str = field(default="", repr=False)
    """The delayed leave event that is handed over; a secret. Empty when there is none."""
    delay_timeout: int = 0
    """Its delay in milliseconds."""

    @property
    def has_delay(self) -> bool:
        """Tell whether a delayed leave event is handed over."""
        return bool(self.delay_id)

    @property
    def livekit_room(self) -> str:
        """Return the name of the room on the SFU."""
        return names.room_name(self.room_id, self.slot_id)

    def livekit_identity(self, user_id: str) -> str:
        """Return the name of the participant on the SFU."""
        if self.member_id is None:
            return f"{user_id}:{self.device_id}"
        return names.digest(user_id, self.device_id, self.member_id)


def parse_get_token(body: bytes) -> CallRequest:
    """Read the body of /get_token.

    Raises:
        NotJsonError: it is no JSON object of the expected types, or has an unknown field.
        BadJsonError: a field is missing, empty, or no Unicode text.
    """
    data = _read(body, GET_TOKEN)
    member = data.get("member", {})
    return CallRequest(
        room_id=_required(data, "room_id"),
        slot_id=_required(data, "slot_id"),
        device_id=_required(member, "claimed_device_id", "member."),
        member_id=_required(member, "id", "member."),
        claimed_user_id=_required(member, "claimed_user_id", "member."),
        **_common(data),
    )


def parse_sfu_get(body: bytes) -> CallRequest:
    """Read the body of /sfu/get; raises as `parse_get_token` does."""
    data = _read(body, SFU_GET)
    return CallRequest(
        room_id=_required(data, "room"),
        slot_id=names.LEGACY_SLOT,
        device_id=data.get("device_id", ""),
        **_common(data),
    )


def parse_delegation(body: bytes) -> CallRequest:
    """Read the body of /delegate_delayed_leave; raises as `parse_get_token` does."""
    asked = parse_get_token(body)
    if not asked.has_delay:
        raise BadJsonError("delay_id and delay_timeout are missing")
    return asked


def _common(data: dict[str, Any]) -> dict[str, Any]:
    token = data.get("openid_token", {})
    return {
        "access_token": _required(token, "access_token", "openid_token."),
        "server_name": _required(token, "matrix_server_name", "openid_token."),
        **_delay(data),
    }


def _delay(data: dict[str, Any]) -> dict[str, Any]:
    delay_id, timeout = data.get("delay_id", ""), data.get("delay_timeout", 0)
    if bool(delay_id) != bool(timeout) or not 0 <= timeout <= LONGEST_DELAY:
        raise BadJsonError("delay_id and delay_timeout go together, and the timeout is more than 0")
    if delay_id and not is_delay_id(delay_id):
        raise BadJsonError("a delay_id that cannot stand in a path")
    if delay_id and "\0" in data.get("device_id", ""):
        raise BadJsonError("a device_id that no SFU has")
    return {"delay_id": delay_id, "delay_timeout": timeout}


def _required(data: dict[str, Any], name: str, prefix: str = "") -> str:
    value: str = data.get(name, "")
    if not value:
        raise BadJsonError(f"{prefix}{name} is missing or empty")
    return value


def _read(body: bytes, shape: Shape) -> dict[str, Any]:
    data = _shaped(_decoded(body), shape)
    for text in _texts(data):
        if len(text) > LONGEST_TEXT:
            raise BadJsonError(f"a field has more than {LONGEST_TEXT} characters")
        try:
            text.encode()
        except UnicodeEncodeError:
            raise BadJsonError("a field has a lone surrogate") from None
    return data


def _decoded(body: bytes) -> Any:
    try:
        return strict_json(body)
    except ValueError:
        raise NotJsonError("the body is not JSON") from None


def _shaped(value: Any, shape: Shape) -> dict[str, Any]:
    """Return an object that has the shape; fields that are null are absent."""
    if not isinstance(value, dict) or value.keys() - shape.keys():
        raise NotJsonError("the body has an unknown field, or is no object where it should be one")
    return {name: _typed(inner, shape[name]) for name, inner in value.items() if inner is not None}


def _typed(value: Any, kind: Any) -> Any:
    if isinstance(kind, Mapping):
        return _shaped(value, kind)
    if not isinstance(value, kind) or isinstance(value, bool):
        raise NotJsonError("a field of the body has the wrong type")
    return value


def _texts(data: dict[str, Any]) -> Iterator[str]:
    for value in data.values():
        if isinstance(value, dict):
            yield from _texts(value)
        elif isinstance(value, str):
            yield value
