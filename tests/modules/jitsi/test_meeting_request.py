# ruff: noqa: RUF001 - look-alikes are what these names are about

import json

import pytest

from modules.jitsi.meeting_request import parse_meeting_request
from modules.jitsi.redirect import JitsiState
from modules.jitsi.rooms import MeetingRequestError, RoomError, TenantError
from modules.jitsi.state import StateError
from tests.modules.jitsi.names import ACCEPTED, REFUSED, in_address_bar


def state(room: str | None = None, **content: object) -> list[str]:
    """A state as Jitsi's client makes it: the room stands there as in the address bar."""
    named = {} if room is None else {"room": in_address_bar(room)}
    return [json.dumps({**named, **content})]


@pytest.mark.parametrize("text", ACCEPTED)
def test_every_place_gives_the_same_room(text: str) -> None:
    alone = parse_meeting_request([text])
    assert alone.state == JitsiState()
    assert parse_meeting_request([], states=state(room=text)).room == alone.room
    assert parse_meeting_request([text, text], states=state(room=text, roomSafe="board-1")).room == alone.room


@pytest.mark.parametrize(("text", "reason"), REFUSED.items())
def test_every_place_refuses_the_forbidden_names(text: str, reason: str) -> None:
    for rooms, states in (([text], []), ([], state(room=text)), (["room"], state(room=text))):
        with pytest.raises(RoomError) as caught:
            parse_meeting_request(rooms, states=states)
        assert caught.value.reason == reason


def test_the_same_in_another_spelling_agrees() -> None:
    assert (
        parse_meeting_request(["Board-1", "board-1"], states=state(room="ＢＯＡＲＤ-1")).room.name
        == "board-1"
    )
    assert (
        parse_meeting_request(["r"], ["Acme"], state(tenant="acme")).tenant
        == parse_meeting_request(["r"], ["acme"]).tenant
    )


@pytest.mark.parametrize(
    ("stands", "claim"),
    [
        ("My%20R%C3%B6om", "my%20r%c3%b6om"),
        ("My Röom", "my%20r%c3%b6om"),
        ("100%25", "100%25"),
        ("100%", "100%25"),
        ("a%20b%", "a%2520b%25"),
        ("a%FF", "a%25ff"),
        ("%2541", "%2541"),
    ],
)
def test_state_names_a_room_as_it_stands_in_the_address_bar(stands: str, claim: str) -> None:
    """Jitsi's client puts the room into `state` still percent-encoded (functions.any.ts), decodes it once;
    what is no valid encoding stays as it is (uri.ts, `getBackendSafeRoomName`)."""
    asked = parse_meeting_request([], states=[json.dumps({"room": stands, "roomSafe": "other"})])
    assert asked.room.claim == claim


def test_what_an_old_client_does_not_fill_in_is_not_there() -> None:
    """A literal `{state}` is absent, a literal `{room}` is a missing room."""
    assert parse_meeting_request(["a"], states=["{state}"]).state == JitsiState()
    assert parse_meeting_request(["{room}"], states=state("a")).room.name == "a"
    for states in ([], ["{state}"], ["{}"]):
        with pytest.raises(RoomError) as caught:
            parse_meeting_request(["{room}"], states=states)
        assert caught.value.reason == "missing"


def test_tenants_stand_in_one_another() -> None:
    asked = parse_meeting_request(["r"], ["A/b"], state("r", tenant="a/B"))
    assert asked.tenant
    assert asked.tenant.name == "a/b"


@pytest.mark.parametrize("other", ["b", "%61", "%FF", "%", "a%20b"])
def test_two_different_rooms_are_refused(other: str) -> None:
    with pytest.raises(RoomError) as caught:
        parse_meeting_request(["a"], states=state(room=other))
    assert caught.value.reason == "disagree"


def test_two_rooms_in_the_query_are_refused() -> None:
    with pytest.raises(RoomError) as caught:
        parse_meeting_request(["a", "b"])
    assert caught.value.reason == "disagree"
    with pytest.raises(RoomError):
        parse_meeting_request(["a", "b"], states=state(room="a"))


def test_two_different_tenants_are_refused() -> None:
    with pytest.raises(TenantError) as caught:
        parse_meeting_request(["a"], ["x"], state(tenant="y"))
    assert caught.value.reason == "disagree"


def test_no_room_anywhere() -> None:
    with pytest.raises(RoomError) as caught:
        parse_meeting_request([], states=state(tenant="x"))
    assert caught.value.reason == "missing"


def test_two_states_are_refused() -> None:
    with pytest.raises(StateError):
        parse_meeting_request(["a"], states=["{}", "{}"])


def test_tenant_and_room_together_fit_into_one_address() -> None:
    parse_meeting_request(["a" * 1020], ["t"])
    with pytest.raises(MeetingRequestError) as caught:
        parse_meeting_request(["a" * 1021], ["t"])
    assert caught.value.reason == "too_long"
