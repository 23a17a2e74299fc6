# ruff: noqa: RUF001 - look-alikes are what these names are about

import json

import pytest

from modules.jitsi.meeting_request import parse_meeting_request
from modules.jitsi.redirect import JitsiState
from modules.jitsi.rooms import MeetingRequestError, RoomError, TenantError
from modules.jitsi.state import StateError
from tests.modules.jitsi.names import ACCEPTED, REFUSED


def state(**content: object) -> list[str]:
    return [json.dumps(content)]


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


def test_state_may_confirm_a_room_as_it_stands_in_the_address_bar() -> None:
    """Jitsi's client puts the room into `state` still percent-encoded (functions.any.ts)."""
    asked = parse_meeting_request(["My Röom"], states=state(room="My%20R%C3%B6om", roomSafe="my%20r%c3%b6om"))
    assert asked.room.claim == "my%20r%c3%b6om"


def test_a_room_that_only_state_names_is_not_decoded_again() -> None:
    assert parse_meeting_request([], states=state(room="a%20b")).room.name == "a%20b"
    assert parse_meeting_request([], states=state(room="%2A")).room.claim == "%252a"


@pytest.mark.parametrize("other", ["b", "%62", "%2A", "%FF", "%2E%2E", "%", "a%2520b"])
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
