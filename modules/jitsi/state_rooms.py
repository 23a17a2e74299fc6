"""Tokens that another instance hands out: for the room of Jitsi's state, or for every room."""

from issuer.issuance import Subject
from issuer.rules import Rule
from modules.jitsi.asked import Asked, parse_asked
from modules.jitsi.phases import JitsiPhases, Meetings
from modules.jitsi.rooms import Room
from modules.jitsi.state import JitsiState, parse_state

EVERY_ROOM = Room(name="*", claim="*", segment="*")


def state_phases(meetings: Meetings, state: str) -> JitsiPhases:
    """Return the phases of a token for the room that a client's `state` names.

    A state that is not Jitsi's, or names no room, means every room, if `wildcard_room` says yes.

    Raises:
        AskedError: it is Jitsi's, and cannot be.
    """
    if not state.lstrip().startswith("{") or parse_state(state).room is None:
        return EveryRoomPhases(meetings)
    return JitsiPhases(meetings, parse_asked([], states=[state]))


class EveryRoomPhases(JitsiPhases):
    """A token that opens every conference."""

    def __init__(self, meetings: Meetings) -> None:
        """Ask for no room."""
        super().__init__(meetings, Asked(EVERY_ROOM, None, JitsiState()))

    def variables(self) -> dict[str, str]:
        """Return an empty room: no rule mistakes it for one."""
        return {"room": "", "tenant": ""}

    def rule(self) -> Rule:
        """Return the use rule, which says yes only where `wildcard_room` does too."""
        return self._meetings.wildcard_rule

    def subject(self) -> Subject:
        """Return no room, for the record."""
        return Subject()
