"""Power levels of rooms, as real and as strange ones have them."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from issuer.matrix.power import MORE_THAN_ANY, UNKNOWN, number, power_of

ALICE, BOB = "@alice:example.org", "@bob:example.org"


def create(version: str | None, **content: Any) -> dict[str, Any]:
    return {"sender": ALICE, "content": {"room_version": version, **content} if version else content}


@pytest.mark.parametrize("version", [None, "1", "10", "11", "org.example.custom"])
def test_creators_of_older_rooms(version: str | None) -> None:
    assert power_of(create(version), None).of(ALICE) == 100
    assert power_of(create(version), None).of(BOB) == 0
    assert power_of(create(version), {"users": {BOB: 50}, "users_default": 5}).of(ALICE) == 5
    assert power_of(create(version, additional_creators=[BOB]), None).of(BOB) == 0


@pytest.mark.parametrize("version", ["12", "13", "20", "org.matrix.hydra.11"])
def test_creators_of_newer_rooms(version: str) -> None:
    power = power_of(create(version, additional_creators=[BOB, 5, None]), {"users": {"@c:d": 50}})
    assert power.of(ALICE) == power.of(BOB) == MORE_THAN_ANY
    assert (power.of("@c:d"), power.of("@e:f")) == (50, 0)


def test_a_content_without_its_sender() -> None:
    """What a homeserver gives that does not know `format=event`."""
    assert power_of({"content": {"creator": ALICE, "room_version": "9"}}, None).of(ALICE) == 100
    assert power_of({"content": {"creator": ALICE, "room_version": "12"}}, {}).of(BOB) == 0
    assert power_of({}, None).of(ALICE) == 0


def test_what_makes_a_moderator() -> None:
    assert power_of(create("11"), None).state_default == 50
    assert power_of(create("11"), {}).state_default == 50
    assert power_of(create("11"), {"state_default": 0}).state_default == 0
    assert power_of(create("11"), {"state_default": "75"}).state_default == 75
    assert (UNKNOWN.state_default, UNKNOWN.of(ALICE), UNKNOWN.room) == (50, 0, {})


def test_what_callers_are_told_has_numbers_and_no_users() -> None:
    levels = {"ban": "50", "users": {ALICE: 1}, "kick": None, "events": {"m.room.name": "50"}, "x": [1]}
    assert power_of(create("1"), levels).room == {"ban": 50, "events": {"m.room.name": "50"}, "x": [1]}


@pytest.mark.parametrize(
    ("value", "level"),
    [(50, 50), ("50", 50), (" -1 ", -1), ("+5", 5), (1.9, 1), (True, None), ("5e1", None), (None, None)],
)
def test_numbers(value: object, level: int | None) -> None:
    assert number(value) == level
    assert (number(10**30), number(float("inf"))) == (MORE_THAN_ANY, None)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
NAMES = st.sampled_from(["users", "users_default", "state_default", "ban", "events", ALICE])
OBJECT = st.dictionaries(NAMES, JSON | st.dictionaries(NAMES, JSON, max_size=2), max_size=4)


@given(OBJECT, OBJECT, st.none() | OBJECT)
def test_whatever_a_homeserver_says(event: dict[str, Any], content: dict[str, Any], levels: Any) -> None:
    power = power_of({**event, "content": content}, levels)
    assert isinstance(power.of(ALICE), int)
    assert isinstance(power.state_default, int)
    assert "users" not in power.room
    assert all(isinstance(power.room[name], int) for name in ("ban", "state_default") if name in power.room)
