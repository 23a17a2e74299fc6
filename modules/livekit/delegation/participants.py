"""Looking for participants on the SFU."""

import asyncio
import logging
from collections.abc import Callable

import aiohttp
from google.protobuf.message import DecodeError
from livekit.api import LiveKitAPI, RoomParticipantIdentity, TwirpError, TwirpErrorCode

from issuer.upstream import Upstream
from modules.livekit.delegation.engine.model import Absent, Event, Found, Unknown
from modules.livekit.delegation.jobs.job import DelegationRequest
from modules.livekit.settings import LiveKitSettings

_log = logging.getLogger(__name__)

MOST_IN_FLIGHT = 32
FAILURES = (aiohttp.ClientError, TimeoutError, DecodeError, ValueError, OSError)


class Participants:
    """Asks `RoomService/GetParticipant`. Lives on the loop."""

    def __init__(self, settings: LiveKitSettings, upstream: Upstream, luck: Callable[[], float]) -> None:
        """Call nobody yet; `luck` is random, from 0 to 1."""
        self._settings = settings
        self._upstream = upstream
        self._luck = luck
        self._turns = asyncio.Semaphore(MOST_IN_FLIGHT)

    async def look(self, asked: DelegationRequest, number: int) -> Event:
        """Tell whether a participant is there; `number` is that of the lookup.

        Only `not_found` says that it is not: any other error says nothing.
        """
        settings = self._settings
        async with self._turns:
            api = LiveKitAPI(
                settings.url,
                settings.api_key,
                settings.api_secret.get_secret_value(),
                session=self._upstream.session(),
                failover=False,
            )
            try:
                found = await api.room.get_participant(
                    RoomParticipantIdentity(room=asked.room, identity=asked.identity)
                )
            except TwirpError as error:
                if error.code == TwirpErrorCode.NOT_FOUND:
                    return Absent(number, self._luck())
                _log.info("a lookup on the SFU failed: %s", str(error.code)[:80])
            except FAILURES as error:
                _log.info("a lookup on the SFU failed: %s", type(error).__name__)
            else:
                return Found(number, str(found.sid))
            return Unknown(number, self._luck())
