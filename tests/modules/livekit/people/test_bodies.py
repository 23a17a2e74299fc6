"""Bodies: what is taken, and what is said of the others."""

import json
import re
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from modules.livekit.names import room_name
from modules.livekit.people.body import FIELDS, parse_body
from modules.livekit.people.errors import FieldError
from modules.livekit.people.settings import ROOM_PATTERN, PeopleSettings
from tests.modules.livekit.people.asking import ALICE, IDENTITY_SECRET, Stage


def with_options(**options: Any) -> PeopleSettings:
    return PeopleSettings(identity_secret=SecretStr(IDENTITY_SECRET), **options)


PEOPLE = with_options()
MATRIX = room_name("!room:example.org", "m.call#ROOM")
BAD_ROOMS = [
    "", " ", "-x", ".x", "a b", "a/b", "a\\b", "a\n", "\na", "a\0", "é", "a'b", 'a"b', "a<b", "a%b",
    "a" * 256, "../x", "\ud800", "a\u2028", "\uff41",
]  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
LIKELY = st.dictionaries(
    st.sampled_from([*FIELDS, "x"]), st.from_regex(ROOM_PATTERN, fullmatch=True) | JSON, max_size=5
)


def said(stage: Stage, body: Any) -> dict[str, Any]:
    answer = stage.ask(body)
    assert answer.status_code == 400, answer.text
    told = stage.told(answer)
    assert told["error"] == "invalid_request"
    return told


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"", None),
        (b"{", None),
        (b"[]", None),
        (b'"roomId"', None),
        (b"null", None),
        (b'\xef\xbb\xbf{"roomId": "r"}', None),
        (b'{"roomId": "r", "roomId": "s"}', None),
        (b'{"roomId": "\xff"}', None),
        (b'{"roomId": "r", "ttl": NaN}', None),
        (b"[" * 30_000, None),
        ({"roomId": "r", "room": "r"}, None),
        ({}, "roomId"),
        ({"roomId": None}, "roomId"),
        ({"roomId": 5}, "roomId"),
        ({"roomId": ["r"]}, "roomId"),
        ({"roomId": "r", "sceneId": None}, "sceneId"),
        ({"roomId": "r", "sceneId": 5}, "sceneId"),
        ({"roomId": "r", "sceneId": "x" * 256}, "sceneId"),
        ({"roomId": "r", "sceneId": "é" * 128}, "sceneId"),
        ({"roomId": "r", "eventId": {}}, "eventId"),
        ({"roomId": "r", "eventId": "a\0b"}, "eventId"),
        ({"roomId": "r", "eventId": "a\nb"}, "eventId"),
        ({"roomId": "r", "eventId": "\ud800"}, "eventId"),
        ({"roomId": "r", "ttl": 60}, "ttl"),
        *(({"roomId": room}, "roomId") for room in BAD_ROOMS),
    ],
)
def test_a_bad_body_is_refused_naming_the_field(body: Any, field: str | None) -> None:
    """The seed's acceptance criteria, by name: the token decodes to the expected room and identity;
    unauthorised gets 403; the expiry is within bounds; and its tests: a missing authentication header, bad
    room identifiers (a property test: nothing outside the pattern ever reaches a token), a configuration
    whose bounds contradict (the seed's "expired config").
    """
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    with pytest.raises(FieldError) as caught:
        parse_body(data, PEOPLE)
    assert caught.value.field == field
    assert caught.value.problem.startswith(field or "the body")


def test_the_answer_names_the_field(stage: Stage) -> None:
    bodies: dict[str | None, Any] = {"roomId": {"roomId": "a b"}, "eventId": {"roomId": "r", "eventId": 5}}
    for field, body in {**bodies, None: b"{"}.items():
        told = said(stage, body)
        assert told.get("field") == field
        assert told["message"].startswith(field or "the body")
    assert stage.gateway.parts.store.issuances.search() == []


@pytest.mark.parametrize("ttl", ["60", 60.5, True, None, [60]])
def test_a_wish_for_a_lifetime_is_a_number(ttl: Any) -> None:
    with pytest.raises(FieldError) as caught:
        parse_body(json.dumps({"roomId": "r", "ttl": ttl}).encode(), with_options(allow_ttl=True))
    assert caught.value.field == "ttl"


def test_another_content_type_is_refused(stage: Stage) -> None:
    """A form of another page can send these without asking first."""
    for content_type in (None, "text/plain", "application/x-www-form-urlencoded", "application/jsonx"):
        answer = stage.ask(Content_Type=content_type)
        assert answer.status_code == 400
        assert "application/json" in stage.told(answer)["message"]
    stage.claims(stage.ask(Content_Type="Application/JSON; charset=utf-8"))


def test_a_large_body_is_refused(stage: Stage) -> None:
    answer = stage.ask(b" " * 70_000)
    assert answer.status_code == 413
    assert stage.told(answer)["error"] == "too_large"


@pytest.mark.parametrize("room", [MATRIX, "a" * 43, "A1b2" * 10 + "xyz"])
def test_rooms_of_matrix_calls_are_refused_unless_allowed(room: str) -> None:
    body = json.dumps({"roomId": room}).encode()
    for people in (PEOPLE, with_options(room_pattern=".+")):
        with pytest.raises(FieldError) as caught:
            parse_body(body, people)
        assert caught.value.field == "roomId"
    assert parse_body(body, with_options(room_pattern=".+", allow_matrix_rooms=True)).room == room


def test_a_pattern_of_one_s_own_matches_as_a_whole() -> None:
    people = with_options(room_pattern="[a-z]+|é.*")
    for good in ("abc", "é x"):
        assert parse_body(json.dumps({"roomId": good}).encode(), people).room == good
    for bad in ("abc1", "xé", "abc\n", "é\0", "é\ud800", "é" * 501):
        with pytest.raises(FieldError):
            parse_body(json.dumps({"roomId": bad}).encode(), people)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(room=st.text(max_size=300) | st.from_regex(ROOM_PATTERN) | st.from_regex(ROOM_PATTERN, fullmatch=True))
def test_nothing_outside_the_pattern_reaches_a_token(stage: Stage, room: str) -> None:
    """The seed's acceptance criteria, by name: the token decodes to the expected room and identity;
    unauthorised gets 403; the expiry is within bounds; and its tests: a missing authentication header, bad
    room identifiers (a property test: nothing outside the pattern ever reaches a token), a configuration
    whose bounds contradict (the seed's "expired config").
    """
    allowed = re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._:@!#=-]{0,254}", room)
    allowed = allowed if not re.fullmatch("[A-Za-z0-9+/]{43}", room) else None
    answer = stage.ask({"roomId": room}, identity=ALICE)
    if allowed:
        assert stage.claims(answer)["video"]["room"] == room
    else:
        assert answer.status_code == 400
        assert "token" not in stage.told(answer)


@given(
    st.binary()
    | JSON.map(lambda value: json.dumps(value).encode())
    | LIKELY.map(lambda v: json.dumps(v).encode())
)
def test_any_body_is_read_or_refused(body: bytes) -> None:
    try:
        asked = parse_body(body, with_options(allow_ttl=True))
    except FieldError:
        return
    assert re.fullmatch(ROOM_PATTERN, asked.room)
    assert json.loads(body)["roomId"] == asked.room
