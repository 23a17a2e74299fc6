"""Who is in which room, and with which power, as a real homeserver has it."""

import logging
from collections.abc import Iterator
from typing import Any

import jwt
import pytest

from issuer.matrix.power import MORE_THAN_ANY
from tests.gateway import BuildGateway
from tests.modules.matrix.bosh import conference_of
from tests.modules.matrix.calls import NOBODY, NOBODY_IN_ROOM, Caller, in_room, not_in_room, section
from tests.modules.matrix.conftest import BuildCaller
from tests.modules.matrix.homeserver import Homeserver, Rooms
from tests.service import free_port
from tests.synapse import running_synapse
from tests.upstream.authority import Authority

APIS = ("synapse-admin", "client-server")
OUT = ("invited", "left", "banned", "outsider")


@pytest.fixture(params=APIS)
def caller(request: pytest.FixtureRequest, build_caller: BuildCaller, home: Homeserver) -> Caller:
    """Who asks through the admin API, and through the client-server API of an account in the rooms."""
    return asking(build_caller, home, request.param)


def asking(build_caller: BuildCaller, home: Homeserver, api: str) -> Caller:
    token = home.admin.token if api == "synapse-admin" else home.user("half").token
    server = section(home, access_token=token, api=api)
    return build_caller(matrix={"homeservers": {home.synapse.name: server}})


def levels_of(home: Homeserver, room_id: str) -> dict[str, Any]:
    """Return the power levels of a room without its users, as the homeserver tells a member."""
    path = f"/_matrix/client/v3/rooms/{room_id}/state/m.room.power_levels"
    content = home.synapse.request("GET", path, {}, home.user("half").token)
    return {name: value for name, value in content.items() if name != "users"}


def test_everybody_in_every_room(caller: Caller, home: Homeserver, rooms: Rooms) -> None:
    """Against a real Synapse: member, non-member, invited-only, left, banned, power 0/50/100, room without
    power-levels event, `state_default` absent, rooms of version 11 and 12 with their creators, unknown room,
    room id that needs percent-encoding, homeserver down, admin token wrong (a clear log line, and the answer
    says not verified, never verified), second homeserver.
    """
    assert rooms.v11.count(":") == 2, "such ids need percent-encoding: a server name with a port"
    power: dict[str, dict[str, int]] = {
        rooms.v11: {"creator": 100, "half": 50, "member": 0, "second_creator": 0},
        rooms.v12: {"creator": MORE_THAN_ANY, "half": 50, "member": 0, "second_creator": MORE_THAN_ANY},
        rooms.without_levels: {"creator": 100, "half": 0, "member": 0, "second_creator": 0},
        rooms.without_state_default: {"creator": 100, "half": 50, "member": 1, "second_creator": 1},
    }
    for room, levels in power.items():
        about = {} if room == rooms.without_levels else levels_of(home, room)
        assert ("state_default" in about) == (room in {rooms.v11, rooms.v12})
        for name, level in levels.items():
            user = home.user(name)
            assert caller.user_in_room(user, room) == in_room(user, about, level), (room, name)
        for name in OUT:
            user = home.user(name)
            assert caller.user_in_room(user, room) == not_in_room(user), (room, name)


def test_rooms_that_are_not_there(caller: Caller, home: Homeserver) -> None:
    """Against a real Synapse: member, non-member, invited-only, left, banned, power 0/50/100, room without
    power-levels event, `state_default` absent, rooms of version 11 and 12 with their creators, unknown room,
    room id that needs percent-encoding, homeserver down, admin token wrong (a clear log line, and the answer
    says not verified, never verified), second homeserver.
    """
    member = home.user("member")
    for room in (
        f"!unknown:{home.synapse.name}",
        "!unknown:elsewhere.example",
        "!a/b?c#d%2Fé:example.org",
        "!",
        "no room",
        "!" + "x" * 300,
        "!a\0b:example.org",
    ):
        assert caller.user_in_room(member, room) == not_in_room(member)


def test_whose_token_it_is(caller: Caller, home: Homeserver, rooms: Rooms) -> None:
    member, outsider = home.user("member"), home.user("outsider")
    assert caller.user(member) == {"results": {"user": True}, "user_id": member.user_id}
    for token in ("invented", member.token, "é", "x" * 5000, " "):
        assert caller.user(member, token=token) == NOBODY
        assert caller.user_in_room(member, rooms.v11, token=token) == NOBODY_IN_ROOM
    expired = outsider.openid_token()["access_token"]
    home.synapse.expire_openid(expired)
    assert caller.user(member, token=expired) == NOBODY


def test_a_homeserver_that_is_down(
    build_caller: BuildCaller, home: Homeserver, rooms: Rooms, caplog: pytest.LogCaptureFixture
) -> None:
    """Against a real Synapse: member, non-member, invited-only, left, banned, power 0/50/100, room without
    power-levels event, `state_default` absent, rooms of version 11 and 12 with their creators, unknown room,
    room id that needs percent-encoding, homeserver down, admin token wrong (a clear log line, and the answer
    says not verified, never verified), second homeserver.
    """
    member = home.user("member")
    name = home.synapse.name
    port = free_port()
    for api in APIS:
        down = section(home, url=f"http://127.0.0.1:{port}", api=api)
        caller = build_caller(matrix={"homeservers": {name: down}})
        assert caller.user_in_room(member, rooms.v11) == not_in_room(member)
        assert f"the answer is no: 127.0.0.1:{port}" in caplog.text
        # and the one that should vouch for the token
        gone = f"localhost:{port}"
        assert caller.user_in_room(member, rooms.v11, matrix_server_name=gone) == NOBODY_IN_ROOM
        assert caller.user(member, matrix_server_name=gone) == NOBODY


@pytest.mark.parametrize("token", ["wrong", "of a user"])
def test_a_wrong_access_token(
    build_caller: BuildCaller,
    home: Homeserver,
    rooms: Rooms,
    caplog: pytest.LogCaptureFixture,
    token: str,
) -> None:
    """Against a real Synapse: member, non-member, invited-only, left, banned, power 0/50/100, room without
    power-levels event, `state_default` absent, rooms of version 11 and 12 with their creators, unknown room,
    room id that needs percent-encoding, homeserver down, admin token wrong (a clear log line, and the answer
    says not verified, never verified), second homeserver.
    """
    name, creator = home.synapse.name, home.user("creator")
    wrong = section(home, access_token="wrong" if token == "wrong" else home.user("member").token)
    caller = build_caller(matrix={"homeservers": {name: wrong}})
    assert caller.user_in_room(creator, rooms.v11) == not_in_room(creator)
    status = 401 if token == "wrong" else 403
    assert f"{name} answers {status}: its access_token must be one of a server administrator" in caplog.text
    assert caller.user(creator)["user_id"] == creator.user_id, "which needs no access token"


def test_a_wrong_token_of_an_account(
    build_caller: BuildCaller, home: Homeserver, rooms: Rooms, caplog: pytest.LogCaptureFixture
) -> None:
    name, creator = home.synapse.name, home.user("creator")
    wrong = section(home, access_token="wrong", api="client-server")
    caller = build_caller(matrix={"homeservers": {name: wrong}})
    assert caller.user_in_room(creator, rooms.v11) == not_in_room(creator)
    assert f"{name} answers 401: its access_token is not one of an account there" in caplog.text
    outside = section(home, access_token=home.user("outsider").token, api="client-server")
    caller = build_caller(matrix={"homeservers": {name: outside}})
    with caplog.at_level(logging.INFO):
        assert caller.user_in_room(creator, rooms.v11) == not_in_room(creator)
    assert "the account of its access_token is not in a room" in caplog.text


@pytest.fixture(scope="module")
def second(
    tmp_path_factory: pytest.TempPathFactory, authority: Authority, programs: None
) -> Iterator[Homeserver]:
    with running_synapse(tmp_path_factory.mktemp("second"), authority) as running:
        yield Homeserver(running)


def test_a_second_homeserver(
    build_caller: BuildCaller, home: Homeserver, second: Homeserver, rooms: Rooms
) -> None:
    """Against a real Synapse: member, non-member, invited-only, left, banned, power 0/50/100, room without
    power-levels event, `state_default` absent, rooms of version 11 and 12 with their creators, unknown room,
    room id that needs percent-encoding, homeserver down, admin token wrong (a clear log line, and the answer
    says not verified, never verified), second homeserver.
    """
    there = second.room("11")
    caller = build_caller(home, second)
    for at, room, elsewhere in ((home, rooms.v11, there), (second, there, rooms.v11)):
        half = at.user("half")
        assert caller.user_in_room(half, room) == in_room(half, levels_of(at, room), 50)
        assert caller.user_in_room(half, elsewhere) == not_in_room(half)
    # one of them alone knows nobody of the other
    alone = build_caller(home, server_names=[home.synapse.name])
    assert alone.user_in_room(second.user("half"), there) == NOBODY_IN_ROOM


def test_an_exchange_for_a_token_of_jitsi(
    build_gateway: BuildGateway, home: Homeserver, rooms: Rooms, authority: Authority
) -> None:
    jitsi = {"server_url": "https://meet.example.com", "app_id": "j", "app_secret": "q7Zr2m-Xw9Kt4bVd" * 2}
    data = {
        "matrix": {"homeservers": {home.synapse.name: section(home)}},
        "modules": {"jitsi": {**jitsi, "matrix": {"enabled": True}}},
        "upstream": {"ca_file": str(authority.path), "connect_timeout": "1s"},
    }
    client = build_gateway(data, keys=()).client()
    creator = home.user("creator")
    path = f"/_matrix/client/v3/profile/{creator.user_id}"
    home.synapse.request("PUT", f"{path}/displayname", {"displayname": "Cleo \u00e9"}, creator.token)
    home.synapse.request("PUT", f"{path}/avatar_url", {"avatar_url": "mxc://a.b/c"}, creator.token)
    expected = {"creator": "owner", "half": "owner", "member": "member"}
    for name in ("creator", "half", "member", *OUT):
        body = {"room_id": rooms.v12, "openid_token": home.user(name).openid_token()}
        answer = client.post("/jitsi/matrix", json=body)
        assert answer.status_code == (200 if name in expected else 403), answer.text
        if answer.json and name in expected:
            claims = jwt.decode(answer.json["jwt"], options={"verify_signature": False})
            user = claims["context"]["user"]
            assert (user["id"], user["affiliation"]) == (home.user(name).user_id, expected[name])
            assert claims["room"] == conference_of(rooms.v12)
            if name == "creator":
                assert user["name"] == "Cleo \u00e9"
                assert user["avatar"].startswith(f"{home.synapse.url}/_matrix/media/v3/thumbnail/a.b/c?")
