"""A job: what was asked for, and its state."""

from dataclasses import dataclass, field

from modules.livekit.delegation.engine.model import State

LONGEST_ID = 1024
"""Characters of a delay id; Synapse's have 24."""

Pair = tuple[str, str]
"""A LiveKit room and an identity in it: there is at most one job for each."""


@dataclass(frozen=True, slots=True)
class DelegationRequest:
    """Whose event shall be kept alive, and how it is called."""

    room: str
    identity: str
    server_name: str
    delay_id: str = field(repr=False)
    """A secret: whoever has it can send the event."""
    timeout: float
    """The delay of the event, in seconds."""

    @property
    def pair(self) -> Pair:
        """Return room and identity."""
        return self.room, self.identity


@dataclass(frozen=True, slots=True)
class Job:
    """A job as the store has it."""

    id: str
    asked: DelegationRequest
    state: State
    owner: str
    version: int = 0


@dataclass(frozen=True, slots=True)
class JobChange:
    """What happened to a job, to be written: another phase, another sid, or its end."""

    job: Job
    """As it was."""
    state: State
    """As it is to be."""


def is_delay_id(text: str) -> bool:
    """Tell whether a homeserver can have called an event so: it is a segment of a path (RFC 3986 §3.3)."""
    return 0 < len(text) <= LONGEST_ID and text not in {".", ".."}
