"""What people get: the token and what is in it, for how long, and who they are."""

import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from werkzeug.test import TestResponse

from tests.gateway import BuildGateway
from tests.modules.livekit.people.asking import ALICE, BODY, IDENTITY_SECRET, PATH, Stage, section, verified
from tests.modules.livekit.people.conftest import BuildStage
from tests.modules.livekit.sfu import KEY, Sfu

IDENTITY = re.compile(r"user-[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


def expires_at(answer: TestResponse) -> float:
    assert answer.json
    return datetime.strptime(answer.json["expiresAt"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC).timestamp()


def test_token_decodes(stage: Stage) -> None:
    """The seed's acceptance criteria, by name: the token decodes to the expected room and identity;
    unauthorised gets 403; the expiry is within bounds; and its tests: a missing authentication header, bad
    room identifiers (a property test: nothing outside the pattern ever reaches a token), a configuration
    whose bounds contradict (the seed's "expired config").
    """
    answer = stage.ask()
    claims = stage.claims(answer)
    assert answer.json
    assert answer.json["url"] == "wss://sfu.example.com"
    assert IDENTITY.fullmatch(claims["sub"])
    now = int(stage.gateway.clock.now())
    row = stage.gateway.parts.store.issuances.by_token_id(claims["jti"])
    assert row
    assert claims == {
        "iss": KEY,
        "sub": row.identity,
        "name": "Alice Liddell",
        "metadata": claims["metadata"],
        "video": {
            "roomJoin": True,
            "room": "stage-1",
            "canPublish": True,
            "canSubscribe": True,
            "canPublishData": True,
            "roomAdmin": False,
            "hidden": False,
            "recorder": False,
        },
        "iat": now,
        "nbf": now,
        "exp": now + 300,
        "jti": row.token_id,
    }
    assert json.loads(claims["metadata"]) == {
        "sceneId": "scene-7",
        "eventId": "gala",
        "roles": ["staff", "singers"],
    }


def test_every_issuance_is_recorded(stage: Stage) -> None:
    claims = stage.claims(stage.ask())
    (row,) = stage.gateway.parts.store.issuances.search()
    now = stage.gateway.clock.now()
    assert (row.instance, row.module, row.token_id) == ("livekit", "livekit", claims["jti"])
    assert (row.backend, row.subject, row.uid) == (ALICE.backend, ALICE.subject, ALICE.uid)
    assert (row.room, row.scene, row.event, row.identity) == ("stage-1", "scene-7", "gala", claims["sub"])
    assert (row.issued_at, row.expires_at, row.address) == (now, now + 300, "127.0.0.1")


def test_what_is_not_given_is_null(stage: Stage) -> None:
    claims = stage.claims(stage.ask({"roomId": "r"}))
    assert json.loads(claims["metadata"]) == {"sceneId": None, "eventId": None, "roles": ["staff", "singers"]}
    (row,) = stage.gateway.parts.store.issuances.search()
    assert (row.scene, row.event) == (None, None)


def test_expires_at_equals_exp(build_stage: BuildStage) -> None:
    """`expiresAt` equals `exp`; the token verifies with `livekit.api.TokenVerifier`."""
    stage = build_stage({"allow_ttl": True, "grants": {"room_admin": 'inGroup("staff")', "hidden": "true"}})
    stage.gateway.clock.time = datetime.now(UTC).timestamp() + 0.75
    answer = stage.ask({**BODY, "ttl": 77})
    claims = stage.claims(answer)
    assert expires_at(answer) == claims["exp"] == int(stage.gateway.clock.now()) + 77
    assert answer.json
    found = verified(answer.json["token"])
    assert (found.identity, found.name, found.metadata) == (
        claims["sub"],
        "Alice Liddell",
        claims["metadata"],
    )
    assert found.video
    assert (found.video.room_join, found.video.room) == (True, "stage-1")
    assert (found.video.can_publish, found.video.room_admin, found.video.hidden) == (True, True, True)


@pytest.mark.parametrize(
    ("ttl", "seconds"),
    [(None, 300), (60, 60), (59, 60), (0, 60), (-5, 60), (3600, 3600), (3601, 3600), (10**30, 3600)],
)
def test_expiry_validation(build_stage: BuildStage, ttl: int | None, seconds: int) -> None:
    """The seed's acceptance criteria, by name: the token decodes to the expected room and identity;
    unauthorised gets 403; the expiry is within bounds; and its tests: a missing authentication header, bad
    room identifiers (a property test: nothing outside the pattern ever reaches a token), a configuration
    whose bounds contradict (the seed's "expired config").
    """
    stage = build_stage({"allow_ttl": True})
    answer = stage.ask(BODY if ttl is None else {**BODY, "ttl": ttl})
    claims = stage.claims(answer)
    assert claims["exp"] - claims["iat"] == seconds
    assert expires_at(answer) == claims["exp"]


def test_the_host_s_bounds_hold_too(build_stage: BuildStage) -> None:
    stage = build_stage({"allow_ttl": True}, tokens={"maximum_lifetime": "10m"})
    claims = stage.claims(stage.ask({**BODY, "ttl": 3600}))
    assert claims["exp"] - claims["iat"] == 600


def test_the_same_person_is_the_same_participant_everywhere(build_stage: BuildStage) -> None:
    one, other = build_stage(), build_stage(path="/livekit")
    first = one.claims(one.ask())["sub"]
    assert one.claims(one.ask({"roomId": "other"}))["sub"] == first
    assert other.claims(other.ask())["sub"] == first
    renamed = replace(ALICE, uid="liddell", attributes={}, groups=())
    assert one.claims(one.ask(identity=renamed))["sub"] == first
    for stranger in (replace(ALICE, backend="ldap"), replace(ALICE, subject="x"), replace(ALICE, subject="")):
        assert one.claims(one.ask(identity=stranger))["sub"] != first
    elsewhere = build_stage({"identity_secret": IDENTITY_SECRET[::-1]})
    assert elsewhere.claims(elsewhere.ask())["sub"] != first


def test_each_device_may_be_a_participant_of_its_own(build_stage: BuildStage) -> None:
    stage, plain = build_stage({"per_device": True}), build_stage()
    found = {stage.claims(stage.ask())["sub"] for _ in range(3)}
    assert len(found) == 3
    person = plain.claims(plain.ask())["sub"]
    assert all(re.fullmatch(f"{person}-[0-9a-f]{{12}}", sub) for sub in found)


def test_grants_name_and_roles_come_from_expressions(build_stage: BuildStage) -> None:
    grants = {
        "publish": 'room.startsWith("stage-")',
        "subscribe": "0",
        "publish_data": 'event_id == "gala"',
        "room_admin": 'inGroup("staff")',
        "hidden": 'scene_id == "none"',
        "recorder": 'attributes["nobody"][0] == "x"',
    }
    stage = build_stage({"grants": grants, "name": 'uid + "!"', "roles": '["a", "b"]'})
    claims = stage.claims(stage.ask())
    video = claims["video"]
    assert claims["name"] == "alice!"
    assert json.loads(claims["metadata"])["roles"] == ["a", "b"]
    assert [video[name] for name in ("canPublish", "canSubscribe", "canPublishData")] == [True, False, True]
    assert [video[name] for name in ("roomAdmin", "hidden", "recorder")] == [True, False, False]


@pytest.mark.parametrize(
    ("expression", "roles"),
    [('"one"', ["one"]), ("1", []), ('attributes["none"]', []), ('["a", 1]', ["a"]), ('{"a": 1}', [])],
)
def test_roles_are_texts(build_stage: BuildStage, expression: str, roles: list[str]) -> None:
    stage = build_stage({"roles": expression})
    assert json.loads(stage.claims(stage.ask())["metadata"])["roles"] == roles


def test_roles_that_do_not_fit_are_left_out(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    """The token travels in an address, of which servers take 8 KB."""
    groups = tuple(f"cn=group-{number},ou=groups,dc=example,dc=com" for number in range(5000))
    answer = stage.ask(identity=replace(ALICE, groups=groups))
    roles = json.loads(stage.claims(answer)["metadata"])["roles"]
    assert tuple(roles) == groups[: len(roles)]
    assert answer.json
    written = json.dumps(stage.claims(answer)["metadata"])
    assert 4000 < len(written) <= 4098
    assert len(answer.json["token"]) < 7000
    assert f"people.roles gives 5000 roles, of which the first {len(roles)} fit" in caplog.text
    caplog.clear()
    assert (
        json.loads(stage.claims(stage.ask(identity=replace(ALICE, groups=("x" * 5000,))))["metadata"])[
            "roles"
        ]
        == []
    )
    stage.claims(stage.ask())
    assert caplog.text.count("people.roles") == 1


@pytest.mark.parametrize("letter", ["x", '"', "é", "語", "\N{GRINNING FACE}"])
def test_the_longest_token_fits_into_an_address(stage: Stage, letter: str) -> None:
    reference = letter * (255 // len(letter.encode()))
    body = {"roomId": "r" * 255, "sceneId": reference, "eventId": reference}
    name = letter * (300 // (len(json.dumps(letter)) - 2))
    person = replace(ALICE, attributes={"cn": name}, groups=(letter,) * 2000)
    answer = stage.ask(body, identity=person)
    claims = stage.claims(answer)
    metadata = json.loads(claims["metadata"])
    assert (claims["name"], metadata["sceneId"], metadata["eventId"]) == (name, reference, reference)
    assert len(metadata["roles"]) > 100
    assert answer.json
    assert len(answer.json["token"]) < 7300


def test_a_name_that_is_too_long_is_left_out(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    claims = stage.claims(stage.ask(identity=replace(ALICE, attributes={"cn": "é" * 51})))
    assert "name" not in claims
    assert "people.name gives a name that is too long" in caplog.text


def test_without_a_name_there_is_none(build_stage: BuildStage) -> None:
    stage = build_stage()
    assert "name" not in stage.claims(stage.ask(identity=replace(ALICE, attributes={})))


RULES = [{"match": "board-*", "rule": 'inGroup("board")'}, {"match": "board-open", "rule": "1"}]


@pytest.mark.parametrize(
    ("room", "rule", "status"),
    [
        ("stage-1", "1", 200),
        ("stage-1", 'room == "stage-1" && inGroup("staff")', 200),
        ("stage-1", "deny", 403),
        ("board-1", "1", 403),
        ("board-open", "1", 403),
        ("Board-1", "1", 200),
        ("stage-1", 'server_name == "example.com"', 403),
        ("stage-1", 'attributes["none"][0] == "x"', 403),
    ],
)
def test_the_rule_of_the_room_decides(build_stage: BuildStage, room: str, rule: str, status: int) -> None:
    stage = build_stage({"rooms": RULES}, rule=rule)
    answer = stage.ask({"roomId": room})
    assert answer.status_code == status
    if status == 403:
        told = stage.told(answer)
        assert (told["error"], told["reason"]) == ("forbidden", "rule")
        assert stage.gateway.parts.store.issuances.search() == []


def test_a_room_is_created_when_that_is_wanted(build_stage: BuildStage, sfu: Sfu) -> None:
    stage = build_stage({"create_room": 'room == "new"'}, url=sfu.url)
    stage.claims(stage.ask())
    assert sfu.rooms == []
    answer = stage.ask({"roomId": "new"})
    assert stage.claims(answer)["video"]["room"] == "new"
    assert [room.name for room in sfu.rooms] == ["new"]
    assert sfu.faults == []
    assert answer.json
    assert answer.json["url"] == sfu.url


def test_without_the_room_that_shall_be_created_there_is_no_token(build_stage: BuildStage) -> None:
    stage = build_stage({"create_room": "1"}, url="ws://127.0.0.1:1")
    answer = stage.ask()
    assert answer.status_code == 500
    assert stage.told(answer) == {
        "error": "server_error",
        "message": "The SFU does not create the room. Try again later.",
    }
    assert stage.gateway.parts.store.issuances.search() == []


@pytest.mark.parametrize(
    ("away", "more", "statuses"),
    [
        ("", {}, [403, 404]),
        ("", {"full_access_homeservers": ["example.com"]}, [403, 400]),
        ("people", {"full_access_homeservers": ["example.com"]}, [404, 400]),
    ],
)
def test_an_instance_is_for_people_or_for_matrix_users_or_for_both(
    build_gateway: BuildGateway, away: str, more: dict[str, Any], statuses: list[int]
) -> None:
    options = {name: value for name, value in section(**more).items() if name != away}
    client = build_gateway({"modules": {"livekit": options}}, keys=()).client()
    paths = (PATH, "/livekit/jwt/get_token")
    assert [client.post(path).status_code for path in paths] == statuses


def test_the_identity_s_secret_is_nowhere(stage: Stage, caplog: Any) -> None:
    caplog.set_level("DEBUG")
    answer = stage.ask()
    assert IDENTITY_SECRET not in answer.text + caplog.text + repr(stage.module.settings)
