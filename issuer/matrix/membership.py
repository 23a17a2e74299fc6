"""Who is in a room, as the homeservers of the configuration say."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from issuer.matrix.cache import Cache, CacheEntry
from issuer.matrix.names import parse_user_id
from issuer.matrix.power import STATE_DEFAULT, UNKNOWN
from issuer.matrix.reading import READERS, Reader, RoomState
from issuer.settings.models import MatrixSettings
from issuer.upstream import MOMENT, Party, UnreachableError, Upstream, UpstreamError
from issuer.world import Clock

ANY = "*"
"""Stands for a homeserver whose name does not matter."""
ROOMS = 256
"""Rooms that are remembered for each instance."""
NO_IS_GOOD = 1.0
"""Seconds for which a no is believed: somebody who was just let in must not wait for the cache."""
LONGEST_ROOM_ID = 255


@dataclass(frozen=True, slots=True)
class Standing:
    """Where somebody stands in a room."""

    is_member: bool = False
    power_level: int = 0
    state_default: int = STATE_DEFAULT
    """The level from which somebody is a moderator."""
    users_default: int = 0
    levels: Mapping[str, Any] = field(default_factory=dict)
    """The content of the room's `m.room.power_levels` without its users."""


@dataclass(frozen=True, slots=True)
class _Seen:
    room: RoomState | None
    at: float


class Memberships:
    """Asks the homeservers of the configuration. Methods that are no coroutines are for request threads."""

    def __init__(self, settings: MatrixSettings, upstream: Upstream, clock: Clock) -> None:
        self._upstream = upstream
        self._clock = clock
        self._seconds = settings.membership_cache
        self._cache: Cache[_Seen] = Cache(clock, ROOMS)
        self._readers: dict[str, Reader] = {
            name: READERS[server.api](name, server, upstream) for name, server in settings.homeservers.items()
        }

    def standing(self, user_id: str, room_id: str) -> Standing:
        """Return where a user stands in a room.

        A homeserver says who of its own users is in a room. For the users of one that is not configured,
        those that are configured are asked in turn: one that is not in the room itself has no say.

        Raises:
            issuer.upstream.TooManyCallsError: when too many calls are in flight.
            issuer.upstream.UpstreamError: when no homeserver could say.
        """
        return self._upstream.call(self.find_standing(user_id, room_id), None)

    async def find_standing(self, user_id: str, room_id: str, patience: float = MOMENT) -> Standing:
        """Return the same for a coroutine on the loop, which waits for its turn at most `patience` seconds.

        It raises the same.
        """
        failure: UpstreamError | None = None
        for reader in self._asked(user_id, room_id) if is_room_id(room_id) else ():
            try:
                room = await self._room(reader, room_id, user_id, patience)
            except UpstreamError as error:
                failure = error
                continue
            if room and _has_users_in(reader.name, room):
                return _standing(room, user_id)
        if failure:
            raise failure
        return Standing()

    def _asked(self, user_id: str, room_id: str) -> Iterable[Reader]:
        """Return whom to ask, in this order."""
        own = _server_of(user_id)
        if own in self._readers:
            return [self._readers[own]]
        founder = room_id.partition(":")[2]
        order = sorted(self._readers, key=lambda name: (name == ANY, name != founder))
        return [self._readers[name] for name in order]

    async def _room(self, reader: Reader, room_id: str, user_id: str, patience: float) -> RoomState | None:
        key = f"{reader.name} {room_id}"
        seen = self._cache.peek(key)
        if seen is None or self._is_stale(seen, user_id):
            seconds = self._upstream.settings.total_timeout
            async with self._upstream.in_flight(reader.url, Party.OPERATOR, patience):
                try:
                    async with asyncio.timeout(seconds):
                        seen = await self._fresh(key, reader, room_id, user_id)
                except TimeoutError:
                    raise UnreachableError(f"{reader.name}: no answer in {seconds:g} s") from None
        return seen.room

    async def _fresh(self, key: str, reader: Reader, room_id: str, user_id: str) -> _Seen:
        async def make(_: _Seen | None) -> CacheEntry[_Seen]:
            began = self._clock.monotonic()
            room = await reader.room(room_id)
            complete = room is None or room.power is not UNKNOWN
            return CacheEntry(_Seen(room, began), self._seconds if complete else 0)

        seen = await self._cache.get(key, make)
        if self._is_stale(seen, user_id):
            self._cache.forget(key)
            seen = await self._cache.get(key, make)
        return seen

    def _is_stale(self, seen: _Seen, user_id: str) -> bool:
        """Tell whether it is a no that is worth another question."""
        is_member = seen.room is not None and user_id in seen.room.members
        return not is_member and self._clock.monotonic() - seen.at >= NO_IS_GOOD


def is_room_id(text: str) -> bool:
    """Tell whether a text can be the identifier of a room (Appendices §Room IDs)."""
    if len(text) > LONGEST_ROOM_ID:
        return False
    try:
        return text.startswith("!") and 1 < len(text.encode()) <= LONGEST_ROOM_ID and "\0" not in text
    except UnicodeEncodeError:
        return False


def _standing(room: RoomState, user_id: str) -> Standing:
    power = room.power
    is_member = user_id in room.members
    level = power.of(user_id) if is_member else 0
    return Standing(is_member, level, power.state_default, power.users_default, power.room)


def _has_users_in(server_name: str, room: RoomState) -> bool:
    return server_name == ANY or any(member.endswith(f":{server_name}") for member in room.members)


def _server_of(user_id: str) -> str:
    return parse_user_id(user_id).server.text
