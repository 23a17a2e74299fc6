"""What is in a token, who gets one, and what is on record."""

import logging
from collections.abc import Callable
from typing import Any

import pytest

from issuer.matrix import openid_caller
from issuer.store import Quota
from modules.livekit.names import digest, room_name
from tests.modules.livekit.calls import ROOM, SLOT, Call, Homeserver, claims_of, errcode
from tests.modules.livekit.conftest import BuildCall
from tests.modules.livekit.sfu import KEY, SECRET


def test_the_token_of_get_token(call: Call) -> None:
    answer = call.get_token()
    now = int(call.gateway.clock.now())
    claims = claims_of(answer, now)
    assert answer.json
    assert answer.json["url"] == call.sfu.url
    assert len(claims.pop("jti")) == 24
    assert claims == {
        "iss": KEY,
        "sub": digest(call.homeserver.user, "DEV", "xyz"),
        "iat": now,
        "nbf": now,
        "exp": now + 3600,
        "video": {
            "roomJoin": True,
            "room": room_name(ROOM, SLOT),
            "canPublish": True,
            "canSubscribe": True,
            "canUpdateOwnMetadata": False,
        },
    }


def test_who_publishes(build_call: BuildCall) -> None:
    """Who has no full access publishes on the SFU of another homeserver, unless the configuration says so."""

    def grants(**changes: object) -> tuple[bool, bool]:
        video = claims_of(build_call(**changes).get_token(), 0)["video"]
        return video["canPublish"], video["canUpdateOwnMetadata"]

    assert grants() == (True, False)
    assert grants(full_access="0") == (False, False)
    assert grants(full_access="0", everybody_can_publish=True) == (True, False)
    assert grants(can_update_own_metadata=True) == (True, True)


def test_the_token_of_sfu_get(call: Call) -> None:
    for device in ("DEV", None):
        claims = claims_of(call.sfu_get(device_id=device), 0)
        assert claims["sub"] == f"{call.homeserver.user}:{device or ''}"
        assert claims["video"]["room"] == room_name(ROOM, "m.call#ROOM")


def test_fields_that_are_not_checked(call: Call) -> None:
    openid = call.openid(token_type="Basic", expires_in=-1.5)
    assert call.get_token(openid_token=openid, delay_cs_api_url="::").status_code == 200
    openid = call.openid(token_type=None, expires_in=None)
    assert call.get_token(openid_token=openid).status_code == 200
    assert (
        call.post("/get_token", {**call.body(), "delay_id": None, "delay_timeout": None}).status_code == 200
    )


def test_a_rule_sees_who_asks_for_what(build_call: BuildCall) -> None:
    rule = (
        'user_id == "@alice:" + server_name && localpart == "alice" && server_name.startsWith("localhost:")'
        ' && room_id == "!room:example.org" && slot_id == "m.call#ROOM" && device_id == "DEV"'
        ' && ip == "127.0.0.1" && backend == "matrix" && uid == user_id'
    )
    call = build_call(rule=rule)
    assert call.get_token().status_code == 200
    assert call.sfu_get().status_code == 200
    assert errcode(call.get_token(room_id="!other:example.org")) == (403, "M_FORBIDDEN")


def test_full_access_is_an_expression_too(build_call: BuildCall) -> None:
    call = build_call(full_access='room_id.startsWith("!room")')
    assert call.get_token().status_code == 200
    assert call.counted == (1, 1)
    assert call.get_token(room_id="!other:example.org").status_code == 200
    assert call.counted == (1, 0)


def test_full_access_that_fails_is_none(build_call: BuildCall) -> None:
    call = build_call(full_access="int(localpart) == 1")
    assert call.get_token().status_code == 200
    assert call.counted == (1, 0)


def test_the_list_is_matched_exactly(build_call: BuildCall) -> None:
    name = build_call().homeserver.name
    for listed in ([name.upper()], ["localhost"], ["example.org", "localhost"], []):
        call = build_call(full_access_homeservers=listed)
        assert call.get_token().status_code == 200
        assert call.counted == (1, 0)
    call = build_call(full_access_homeservers=["*"])
    assert call.get_token().status_code == 200
    assert call.counted == (1, 1)


@pytest.mark.parametrize(
    "names",
    [
        lambda name: {"full_access_homeservers": ["*", name]},
        lambda name: {"full_access_homeservers": ["*"], "cs_api_urls": {name: "https://matrix.example.org/"}},
        lambda name: {"full_access_homeservers": ["*"], "homeservers": [{"name": name, "as_token": "x"}]},
    ],
)
def test_a_homeserver_that_is_named_may_be_in_a_private_network(
    build_call: BuildCall, homeserver: Homeserver, names: Callable[[str], dict[str, Any]]
) -> None:
    """Beside `"*"`, which exempts nobody."""
    private = {"allow_private_networks": False}
    assert build_call(private, full_access_homeservers=["*"]).get_token().status_code == 401
    assert homeserver.requests == 0
    build_call(private, **names(homeserver.name)).get_token()
    assert homeserver.requests == 1


@pytest.mark.parametrize("quota", ["OF_HOMESERVER", "OF_ADDRESS", "OF_USER"])
def test_users_of_homeservers_that_are_not_named_have_a_quota(
    build_call: BuildCall, monkeypatch: pytest.MonkeyPatch, quota: str
) -> None:
    monkeypatch.setattr(openid_caller, quota, Quota(2, 600.0))
    for listed, expected in (([], 429), (["*"], 429), (None, 200)):
        call = build_call(**({} if listed is None else {"full_access_homeservers": listed}))
        assert [call.get_token().status_code for _ in range(3)] == [200, 200, expected]
        if expected == 429:
            answer = call.get_token()
            assert (errcode(answer)[1], answer.headers["Retry-After"]) == ("M_LIMIT_EXCEEDED", "300")
            call.gateway.clock.advance(300)
            assert call.get_token().status_code == 200


def test_a_shorter_life(build_call: BuildCall) -> None:
    call = build_call(expiration="5m")
    claims = claims_of(call.get_token(), 0)
    assert claims["exp"] == claims["nbf"] + 300


def test_the_record(call: Call, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        answer = call.get_token()
    claims = claims_of(answer, 0)
    row = call.gateway.parts.store.issuances.by_token_id(claims["jti"])
    assert row
    assert (row.instance, row.module, row.backend) == ("livekit", "livekit", "matrix")
    assert row.subject == row.uid == call.homeserver.user
    assert (row.room, row.identity, row.address) == (ROOM, claims["sub"], "127.0.0.1")
    assert answer.json
    assert "token_issued" in caplog.text
    for secret in ("alice-token", answer.json["jwt"], SECRET):
        assert secret not in caplog.text


def test_a_refusal_shows_no_secret(call: Call, caplog: pytest.LogCaptureFixture) -> None:
    call.homeserver.subs["mallory-token"] = "@mallory:example.org"
    with caplog.at_level(logging.DEBUG):
        texts = [
            call.get_token(openid_token=call.openid(access_token=t)).text
            for t in ("mallory-token", "no-token")
        ]
    for secret in ("mallory-token", "no-token"):
        assert secret not in caplog.text + "".join(texts)


def test_long_and_odd_names_are_recorded(call: Call) -> None:
    answer = call.get_token(room_id="!\0" + "x" * 10_000)
    row = call.gateway.parts.store.issuances.by_token_id(claims_of(answer, 0)["jti"])
    assert row
    assert row.room
    assert len(row.room) == 255
    assert "\0" not in row.room


@pytest.mark.parametrize("token", ["a&sub=x", "a b+c", "%41", "#", "/../", "é", "\x00", "x" * 5000])
def test_an_access_token_is_only_a_parameter(call: Call, token: str) -> None:
    call.homeserver.subs["a"] = call.homeserver.user
    assert errcode(call.get_token(openid_token=call.openid(access_token=token))) == (401, "M_UNAUTHORIZED")
