"""What a request asks for, put together from the places that can say it: query, path and `state`."""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl

from modules.jitsi.redirect import NO_STATE, JitsiState
from modules.jitsi.rooms import (
    LONGEST_LOCALPART,
    ROOM_PLACEHOLDER,
    Room,
    RoomError,
    Tenant,
    agreed_room,
    agreed_tenant,
    in_address_bar,
    parse_room,
    parse_tenant,
)
from modules.jitsi.state import StateError, parse_state


@dataclass(frozen=True, slots=True)
class MeetingRequest:
    """One meeting, and how the person wants to get there."""

    room: Room
    tenant: Tenant | None
    state: JitsiState


def parameters(query: bytes) -> dict[str, list[str]]:
    """Decode a query once; what is no UTF-8 becomes U+FFFD, as in a path (Flask would leave it encoded)."""
    found: dict[str, list[str]] = {"room": [], "tenant": [], "state": []}
    for name, value in parse_qsl(query.decode(errors="replace"), keep_blank_values=True):
        found.setdefault(name, []).append(value)
    return found


def parse_meeting_request(
    rooms: Sequence[str], tenants: Sequence[str] = (), states: Sequence[str] = ()
) -> MeetingRequest:
    """Read a request: every `room` (query and path), `tenant` and `state` that it gives, decoded once.

    Raises AskedError (RoomError, TenantError or StateError), also when two places disagree.
    """
    if len(states) > 1:
        raise StateError("repeated")
    state = parse_state(states[0]) if states else NO_STATE
    room = _room(rooms, state.room)
    tenant = agreed_tenant(parse_tenant(text) for text in (*tenants, state.tenant))
    # Prosody calls the conference of a tenant `[tenant]room`.
    if tenant and len(f"[{tenant.name}]{room.claim}") > LONGEST_LOCALPART:
        raise RoomError("too_long")
    return MeetingRequest(room, tenant, state)


def _room(rooms: Sequence[str], in_state: str | None) -> Room:
    """Return the room that every place names."""
    asked = [parse_room(text) for text in rooms if text != ROOM_PLACEHOLDER]
    if in_state is not None:
        asked.append(parse_room(in_address_bar(in_state)))
    return agreed_room(asked)
