"""What a round of the runner works with."""

from dataclasses import dataclass

from modules.livekit.delegation.engine.model import Action, Event, State
from modules.livekit.delegation.jobs.job import Job


@dataclass(slots=True)
class OwnJob:
    """A job that is ours, as far as we know."""

    job: Job
    state: State


@dataclass(slots=True)
class Work:
    """What a round has made of a job so far."""

    entry: OwnJob
    state: State
    events: list[Event]
    actions: list[Action]

    @property
    def is_change(self) -> bool:
        """Tell whether others must know at once."""
        before = self.entry.state
        return (self.state.phase, self.state.sid) != (before.phase, before.sid)

    @property
    def is_restart(self) -> bool:
        """Tell whether the time of the last restart is to be written."""
        return not self.is_change and self.state.restarted_at != self.entry.state.restarted_at
