"""Rooms on the SFU: created before somebody with full access gets a token."""

import asyncio
import logging

import aiohttp
from google.protobuf.message import DecodeError
from livekit.api import CreateRoomRequest, LiveKitAPI, TwirpError

from issuer.matrix.answers import LimitExceededError, UnknownError
from issuer.upstream import Party, TooManyCallsError, Upstream, UpstreamError
from issuer.world import Clock
from modules.livekit.settings import LiveKitSettings

_log = logging.getLogger(__name__)

EMPTY_SECONDS = 300
"""How long the SFU keeps a room that nobody has entered."""
DEPARTURE_SECONDS = 20
"""How long it keeps one that everybody has left."""
MEMORY = 10.0
"""Seconds for which a created room is remembered; much less than the SFU keeps an empty one."""
MOST_REMEMBERED = 10_000
FAILURES = (TwirpError, aiohttp.ClientError, TimeoutError, DecodeError, UpstreamError)


class SfuError(UnknownError):
    """The SFU does not create the room."""

    error = "The SFU does not create the room. Try again later."


def sfu_client(settings: LiveKitSettings, upstream: Upstream) -> LiveKitAPI:
    """Return a client of the SFU, for a coroutine on the loop of outgoing calls."""
    return LiveKitAPI(
        settings.url,
        settings.api_key,
        settings.api_secret.get_secret_value(),
        session=upstream.session(),
        failover=False,
    )


class Rooms:
    """Creates rooms: at most one call for a room at a time, and none for one that was just created."""

    def __init__(self, settings: LiveKitSettings, upstream: Upstream, clock: Clock) -> None:
        self._settings = settings
        self._upstream = upstream
        self._clock = clock
        self._created: dict[str, float] = {}
        self._creating: dict[str, asyncio.Task[None]] = {}

    def create(self, name: str) -> None:
        """Make sure that a room is there.

        Raises:
            SfuError: the SFU cannot be reached, or refuses.
            LimitExceededError: too many calls to it are in flight.
        """
        if self._is_fresh(name):
            return
        seconds = self._upstream.settings.total_timeout
        try:
            with self._upstream.held(self._settings.url, Party.OPERATOR):
                self._upstream.call(self._join(name), seconds)
        except TooManyCallsError as error:
            raise LimitExceededError(str(error), error.retry_after) from None
        except FAILURES as error:
            raise SfuError(f"the SFU does not create a room: {type(error).__name__}: {error}") from None

    def _is_fresh(self, name: str) -> bool:
        return self._clock.monotonic() - self._created.get(name, -MEMORY) < MEMORY

    async def _join(self, name: str) -> None:
        """Wait for the call that creates a room, which goes on when somebody who waits gives up."""
        if self._is_fresh(name):
            return
        task = self._creating.get(name)
        if task is None:
            task = self._creating[name] = asyncio.create_task(self._create(name))
            task.add_done_callback(lambda done: self._forget(name, done))
        await asyncio.shield(task)

    def _forget(self, name: str, done: asyncio.Task[None]) -> None:
        del self._creating[name]
        if not done.cancelled():
            done.exception()  # all who waited may be gone

    async def _create(self, name: str) -> None:
        began = self._clock.monotonic()
        await sfu_client(self._settings, self._upstream).room.create_room(
            CreateRoomRequest(
                name=name,
                empty_timeout=EMPTY_SECONDS,
                departure_timeout=DEPARTURE_SECONDS,
                max_participants=0,
            )
        )
        self._remember(name, began)

    def _remember(self, name: str, began: float) -> None:
        if len(self._created) >= MOST_REMEMBERED:
            self._created = {room: at for room, at in self._created.items() if began - at < MEMORY}
        if len(self._created) < MOST_REMEMBERED:
            self._created[name] = began
