"""OpenID tokens of a real homeserver."""

from typing import Any

import pytest

from modules.livekit.names import digest, room_name
from tests.modules.livekit.calls import Call, claims_of, errcode
from tests.modules.livekit.conftest import BuildCall
from tests.synapse import Synapse, User


@pytest.fixture(scope="module")
def alice(synapse: Synapse) -> User:
    return synapse.register("alice")


@pytest.fixture(scope="module")
def bob(synapse: Synapse) -> User:
    return synapse.register("bob")


@pytest.fixture
def call(build_call: BuildCall, synapse: Synapse) -> Call:
    return build_call(full_access_homeservers=[synapse.name])


def body(user: User, room_id: str, openid: dict[str, Any] | None = None) -> dict[str, Any]:
    return {
        "room_id": room_id,
        "slot_id": "m.call#ROOM",
        "openid_token": openid or user.openid_token(),
        "member": {"id": "xyz", "claimed_user_id": user.user_id, "claimed_device_id": "DEV"},
    }


def test_a_real_token(call: Call, alice: User) -> None:
    """Against a real Synapse from PyPI (own environment, sqlite, self-signed federation TLS, two users,
    a room) started by the tests: a real OpenID token gives a LiveKit token with the right room and
    identity; an invented one, an expired one (set `open_id_tokens.ts_valid_until_ms` back in its
    database), one of another server, a `claimed_user_id` of someone else give 401.
    """
    room = alice.create_room()
    claims = claims_of(call.post("/get_token", body(alice, room)), 0)
    assert claims["video"]["room"] == room_name(room, "m.call#ROOM")
    assert claims["sub"] == digest(alice.user_id, "DEV", "xyz")
    legacy = {"room": room, "openid_token": alice.openid_token(), "device_id": "DEV"}
    claims = claims_of(call.post("/sfu/get", legacy), 0)
    assert claims["video"]["room"] == room_name(room, "m.call#ROOM")
    assert claims["sub"] == f"{alice.user_id}:DEV"
    assert [created.name for created in call.sfu.rooms] == [room_name(room, "m.call#ROOM")]


def test_tokens_that_are_not_taken(call: Call, synapse: Synapse, alice: User, bob: User) -> None:
    """Against a real Synapse from PyPI (own environment, sqlite, self-signed federation TLS, two users,
    a room) started by the tests: a real OpenID token gives a LiveKit token with the right room and
    identity; an invented one, an expired one (set `open_id_tokens.ts_valid_until_ms` back in its
    database), one of another server, a `claimed_user_id` of someone else give 401.
    """
    room = alice.create_room()
    good = alice.openid_token()
    expired = alice.openid_token()
    assert call.post("/get_token", body(alice, room, expired)).status_code == 200
    synapse.expire_openid(expired["access_token"])
    call.homeserver.subs["stolen"] = alice.user_id  # another server that vouches for a user of Synapse
    elsewhere = call.homeserver.name
    refused = {
        "invented": body(alice, room, {**good, "access_token": "abcdefghijklmnopqrstuvwx"}),
        "expired": body(alice, room, expired),
        "an access token": body(alice, room, {**good, "access_token": alice.token}),
        "Synapse's, shown to another": body(alice, room, {**good, "matrix_server_name": elsewhere}),
        "another's, shown to Synapse": body(alice, room, {**good, "access_token": "alice-token"}),
        "vouched for by another": body(
            alice, room, {**good, "access_token": "stolen", "matrix_server_name": elsewhere}
        ),
        "bob's, who claims to be alice": body(alice, room, bob.openid_token()),
        "alice's, who claims to be bob": body(bob, room, good),
    }
    answers = {name: errcode(call.post("/get_token", sent)) for name, sent in refused.items()}
    assert answers == dict.fromkeys(refused, (401, "M_UNAUTHORIZED"))
    assert call.post("/get_token", body(alice, room, good)).status_code == 200
