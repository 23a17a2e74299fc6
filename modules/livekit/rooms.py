"""Rooms on the SFU: created before somebody with full access gets a token."""

import asyncio
import logging

import aiohttp
from google.protobuf.message import DecodeError
from livekit.api import CreateRoomRequest, LiveKitAPI, TwirpError
from livekit.protocol.models import Room

from issuer.matrix.answers import LimitExceededError, UnknownError
from issuer.upstream import Party, TooManyCallsError, Upstream, UpstreamError
from issuer.world import Clock
from modules.livekit.settings import LiveKitSettings

_log = logging.getLogger(__name__)

EMPTY_SECONDS = 300
"""How long the SFU keeps a room that nobody has entered."""
DEPARTURE_SECONDS = 20
"""How long it keeps one that everybody has left."""
MEMORY = 0.1
"""Seconds for which a room is known to be there: less than a restart of the SFU takes (0.12), which forgets
all."""
MOST_REMEMBERED = 10_000
NEW = 5.0
"""Seconds of age up to which an empty room is a new one, and no clock of an SFU is so wrong as to matter."""
RENEW_EVERY = 0.2
"""Seconds after which a room that is about to end is created once more."""
MOST_RENEWED = 1000
FAILURES = (TwirpError, aiohttp.ClientError, TimeoutError, DecodeError, UpstreamError)


class SfuError(UnknownError):
    """The SFU does not create the room."""

    error = "The SFU does not create the room. Try again later."
    is_operators = True


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
        self._renewing: dict[str, asyncio.Task[None]] = {}

    def forget(self, name: str) -> None:
        """Hear that a room has ended."""
        self._created.pop(name, None)

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
        try:
            room = await self._ask(name)
        except FAILURES:
            self._created.clear()  # it may be another one by the time it answers again
            raise
        if self._is_ending(room):
            self._keep(name, room.sid)
        else:
            self._remember(name, began)

    async def _ask(self, name: str) -> Room:
        return await sfu_client(self._settings, self._upstream).room.create_room(
            CreateRoomRequest(
                name=name,
                empty_timeout=EMPTY_SECONDS,
                departure_timeout=DEPARTURE_SECONDS,
                max_participants=0,
            )
        )

    def _is_ending(self, room: Room) -> bool:
        """Tell whether everybody may have left: then the SFU ends the room soon, whoever asked for it."""
        return not room.num_participants and self._clock.now() - room.creation_time > NEW

    def _keep(self, name: str, sid: str) -> None:
        if name not in self._renewing and len(self._renewing) < MOST_RENEWED:
            task = self._renewing[name] = asyncio.create_task(self._renew(name, sid))
            task.add_done_callback(lambda _: self._renewing.pop(name, None))

    async def _renew(self, name: str, sid: str) -> None:
        """See a room over its end, so that who has just got a token for it finds one."""
        for _ in range(round((DEPARTURE_SECONDS + 1) / RENEW_EVERY)):
            await asyncio.sleep(RENEW_EVERY)
            try:
                room = await self._ask(name)
            except FAILURES as error:
                _log.debug("a room that is about to end was not created: %s", type(error).__name__)
                continue
            if room.sid != sid or room.num_participants:
                return

    def _remember(self, name: str, began: float) -> None:
        if len(self._created) >= MOST_REMEMBERED:
            self._created = {room: at for room, at in self._created.items() if began - at < MEMORY}
        if len(self._created) < MOST_REMEMBERED:
            self._created[name] = began
