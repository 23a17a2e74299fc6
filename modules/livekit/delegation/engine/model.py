"""What is known of a job, what can happen to it, and what can be to do: the words of the state machine.

Times are seconds since 1970, as a `SteadyClock` has them: whoever sets the clock moves none of them.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

LONGEST_WAIT = 3600.0
"""Seconds for which somebody is waited for, if the delay is longer."""
SHORTEST_SENDING = 1.0
LONGEST_SENDING = 3600.0


class Phase(StrEnum):
    """Where a job stands."""

    WAITING = "waiting"
    CONNECTED = "connected"
    DISCONNECTED = "disconnected"
    ENDED = "ended"


class Ending(StrEnum):
    """How a job ended."""

    SENT = "sent"
    """The event was sent, or was gone when we wanted to send it."""
    DROPPED = "dropped"
    """Nothing was sent."""
    REPLACED = "replaced"
    """The same participant brought another event."""


class Action(StrEnum):
    """What is to be done now."""

    LOOK = "look"
    """Ask the SFU for the participant; the answer names `State.look`."""
    RESTART = "restart"
    SEND = "send"


@dataclass(frozen=True, slots=True)
class State:
    """All that is known of a job, but whose it is."""

    phase: Phase
    timeout: float
    """The delay of the event."""
    since: float
    """When the phase began."""
    restarted_at: float
    """When the last restart that succeeded began; before the first, when the job began."""
    sanity: float = 0.0
    """Seconds between two sanity checks; 0 for none."""
    sid: str = ""
    """The SFU's name of the connection, if it is known."""
    call_due: float | None = None
    """When to restart or send next; None while that is under way, or not to be done."""
    tries: int = 0
    """Restarts or sends that failed in a row."""
    look: int = 0
    """The number of the lookup whose answer counts."""
    look_due: float | None = None
    looks: int = 0
    """Lookups without a participant, in a row."""
    is_asking: bool = False
    """Disconnected on the word of a webhook: nothing is sent before the SFU says that nobody is there."""
    refusal: int = 0
    """The status by which the homeserver said that it cannot send (403 or 429); 0 for none."""
    ending: Ending | None = None
    why: str = ""
    """What led into the phase."""

    @property
    def deadline(self) -> float:
        """Return when the homeserver sends the event by itself."""
        return self.restarted_at + self.timeout

    @property
    def phase_ends(self) -> float:
        """Return when time alone ends the phase."""
        match self.phase:
            case Phase.WAITING:
                return self.since + min(self.timeout, LONGEST_WAIT)
            case Phase.CONNECTED:
                return self.deadline
            case Phase.DISCONNECTED:
                rest = self.deadline - self.since
                return self.since + min(max(rest, SHORTEST_SENDING), LONGEST_SENDING)
            case _:
                return float("inf")

    @property
    def wakes_at(self) -> float:
        """Return when the next `Tick` is due."""
        if self.phase is Phase.DISCONNECTED and self.call_due is None and self.look_due is None:
            return float("inf")  # the answer comes, or the failure
        return min(at for at in (self.phase_ends, self.call_due, self.look_due) if at is not None)


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has passed."""


@dataclass(frozen=True, slots=True)
class Replaced:
    """Another job of the same participant took the place of this one."""


@dataclass(frozen=True, slots=True)
class Resumed:
    """Somebody else ran the job before; only phase, times and sid are known."""


@dataclass(frozen=True, slots=True)
class Joined:
    """The webhook `participant_joined`."""

    sid: str = ""


@dataclass(frozen=True, slots=True)
class Left:
    """The webhook `participant_left` or `participant_connection_aborted`."""

    sid: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """A lookup found the participant."""

    look: int
    sid: str = ""


@dataclass(frozen=True, slots=True)
class Absent:
    """A lookup says that there is no such participant; `luck` is random, from 0 to 1."""

    look: int
    luck: float


@dataclass(frozen=True, slots=True)
class Unknown:
    """A lookup failed, which says nothing; `luck` is random, from 0 to 1."""

    look: int
    luck: float


@dataclass(frozen=True, slots=True)
class Restarted:
    """A restart that began at a time succeeded."""

    began: float


@dataclass(frozen=True, slots=True)
class Sent:
    """The event was sent."""


@dataclass(frozen=True, slots=True)
class Gone:
    """The homeserver does not know the event any more."""

    action: Action


@dataclass(frozen=True, slots=True)
class Failed:
    """A restart or a send failed, and may be tried again."""

    action: Action
    luck: float
    """Random, from 0 to 1."""
    status: int = 0
    """The HTTP status; 0 when there was no answer."""
    retry_after: float | None = None
    """Seconds for which the homeserver asks us to wait."""


News: TypeAlias = Tick | Replaced | Resumed | Joined | Left
Answer: TypeAlias = Found | Absent | Unknown | Restarted | Sent | Gone | Failed
Event: TypeAlias = News | Answer
Step: TypeAlias = tuple[State, tuple[Action, ...]]
