"""Reads who is in a room, and who has which power there, from one homeserver."""

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from issuer.matrix.errors import RoomUnreadableError, errcode_of
from issuer.matrix.power import UNKNOWN, Content, Power, power_of
from issuer.settings.models import HomeserverSettings
from issuer.upstream import BadAnswerError, Party, Upstream, UpstreamCall, UpstreamError, UpstreamResponse

_log = logging.getLogger(__name__)

LARGEST = 16 * 1024 * 1024
"""Bytes of an answer: a room of 100,000 people is 4 MB."""
CREATE = "m.room.create"
LEVELS = "m.room.power_levels"


@dataclass(frozen=True, slots=True)
class RoomState:
    """A room as a homeserver knows it."""

    members: frozenset[str]
    """Who has joined, users of other homeservers too."""
    power: Power


class Reader(ABC):
    """Reads rooms from one homeserver; for coroutines on the loop."""

    def __init__(self, name: str, settings: HomeserverSettings, upstream: Upstream) -> None:
        self.name = name
        self.url = settings.url
        self._token = settings.access_token.get_secret_value()
        self._upstream = upstream

    async def room(self, room_id: str) -> RoomState | None:
        """Return a room, None when the homeserver does not know it.

        Raises:
            RoomUnreadableError: the homeserver refuses to tell, as for a wrong access token.
            issuer.upstream.UpstreamError: it gives no usable answer.
        """
        members, power = await asyncio.gather(self._members(room_id), self._power(room_id))
        return None if members is None else RoomState(members, power)

    async def get(self, path: str, **query: str) -> UpstreamResponse:
        """Ask one of the homeserver's APIs; `path` is percent-encoded and has no leading slash."""
        more = f"?{urlencode(query)}" if query else ""
        headers = {"Authorization": f"Bearer {self._token}"}
        return await self._upstream.fetch(
            UpstreamCall(f"{self.url}{path}{more}", Party.OPERATOR, headers=headers, largest=LARGEST)
        )

    async def _power(self, room_id: str) -> Power:
        """Return the power levels; those that cannot be read give nobody any power."""
        try:
            create, levels = await asyncio.gather(self._event(room_id, CREATE), self._event(room_id, LEVELS))
        except UpstreamError as error:
            _log.warning("the power levels of a room cannot be read: %s", error)
            return UNKNOWN
        content = levels.get("content") if levels else None
        return power_of(create or {}, content if isinstance(content, dict) else None)

    @abstractmethod
    async def _members(self, room_id: str) -> frozenset[str] | None: ...

    @abstractmethod
    async def _event(self, room_id: str, kind: str) -> Content | None:
        """Return a state event with an empty state key, None when the room has none."""

    def _refused(self, answer: UpstreamResponse, remedy: str) -> RoomUnreadableError:
        return RoomUnreadableError(f"{self.name} answers {answer.status}: {remedy}")


class AdminReader(Reader):
    """Asks Synapse's admin API, which knows every room."""

    async def _members(self, room_id: str) -> frozenset[str] | None:
        answer = await self.get(f"{_admin(room_id)}/members")
        if answer.status == 404 and errcode_of(answer) == "M_NOT_FOUND":
            return None
        return frozenset(name for name in self._listed(answer, "members") if isinstance(name, str))

    async def _event(self, room_id: str, kind: str) -> Content | None:
        answer = await self.get(f"{_admin(room_id)}/state", type=kind)
        for event in self._listed(answer, "state"):
            if isinstance(event, dict) and event.get("type") == kind and event.get("state_key") == "":
                return event
        return None

    def _listed(self, answer: UpstreamResponse, name: str) -> list[Any]:
        if answer.status in {401, 403}:
            raise self._refused(answer, "its access_token must be one of a server administrator")
        if answer.status != 200:
            raise self._refused(answer, "does its url lead to Synapse's admin API?")
        found = _object(answer).get(name)
        if not isinstance(found, list):
            raise BadAnswerError(f"an answer of {self.name} has no {name}")
        return found


class ClientReader(Reader):
    """Asks the client-server API, which knows the rooms of the account whose token it is."""

    async def _members(self, room_id: str) -> frozenset[str] | None:
        answer = await self.get(f"{_client(room_id)}/joined_members")
        if answer.status == 403:  # what strangers to the room are answered, and where there is none
            _log.info("%s: the account of its access_token is not in a room that was asked for", self.name)
            return None
        joined = self._content(answer).get("joined")
        if not isinstance(joined, dict):
            raise BadAnswerError(f"an answer of {self.name} has no members")
        return frozenset(joined)

    async def _event(self, room_id: str, kind: str) -> Content | None:
        answer = await self.get(f"{_client(room_id)}/state/{kind}", format="event")
        if answer.status == 404 and errcode_of(answer) == "M_NOT_FOUND":
            return None
        event = self._content(answer)
        # A homeserver that does not know `format` gives the content alone.
        return event if isinstance(event.get("content"), dict) else {"content": event}

    def _content(self, answer: UpstreamResponse) -> Mapping[str, Any]:
        if answer.status == 401:
            raise self._refused(answer, "its access_token is not one of an account there")
        if answer.status != 200:
            raise self._refused(answer, "does its url lead to a client-server API?")
        return _object(answer)


READERS: Mapping[str, type[Reader]] = {"synapse-admin": AdminReader, "client-server": ClientReader}


def _admin(room_id: str) -> str:
    return f"_synapse/admin/v1/rooms/{quote(room_id, safe='')}"


def _client(room_id: str) -> str:
    return f"_matrix/client/v3/rooms/{quote(room_id, safe='')}"


def _object(answer: UpstreamResponse) -> Mapping[str, Any]:
    found = answer.json()
    return found if isinstance(found, dict) else {}
