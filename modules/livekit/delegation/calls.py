"""The calls that jobs cause. Whatever goes wrong with one, an answer comes: without it, a job would hang."""

import logging
from collections.abc import Callable

from modules.livekit.delegation.engine.model import Action, Event, Failed, State, Unknown
from modules.livekit.delegation.engine.watcher import text_of
from modules.livekit.delegation.homeserver import DelayedEvents
from modules.livekit.delegation.jobs.job import DelegationRequest
from modules.livekit.delegation.participants import Participants

_log = logging.getLogger(__name__)

LUCK = 0.5
"""For the pause after what nobody expected."""


class DelegationCalls:
    """DelegationCalls homeservers and the SFU. Lives on the loop."""

    def __init__(self, events: DelayedEvents, participants: Participants) -> None:
        self._events = events
        self._participants = participants
        self.waiting: set[str] = set()
        """Ids of jobs whose calls wait for their turn."""

    async def look(self, asked: DelegationRequest, number: int) -> Event:
        """Tell whether a participant is on the SFU; `number` is that of the lookup."""
        try:
            return await self._participants.look(asked, number)
        except Exception as error:
            _log.error("a lookup on the SFU failed: %s", text_of(error))
            return Unknown(number, LUCK)

    async def act(
        self, action: Action, job_id: str, asked: DelegationRequest, state: State, is_ours: Callable[[], bool]
    ) -> Event | None:
        """Restart or send the event of a job, if it is still ours when it is its turn."""

        def begins() -> bool:
            self.waiting.discard(job_id)
            return is_ours()

        self.waiting.add(job_id)
        try:
            return await self._events.act(action, asked, state.deadline, begins)
        except Exception as error:
            _log.error("%s: %s failed: %s", asked.server_name, action.value, text_of(error))
            return Failed(action, LUCK)
        finally:
            self.waiting.discard(job_id)
