"""Every row of the contract's "Order of checks", with the requests that were made to others."""

import sqlite3
from contextlib import closing
from typing import Any

import pytest

from issuer.upstream import Party
from tests.modules.livekit.calls import Call, claims_of, errcode
from tests.modules.livekit.conftest import BuildCall
from tests.modules.livekit.sfu import refuses
from tests.service import free_port
from tests.upstream.stub import Reply

DELAY: dict[str, Any] = {"delay_id": "syd_x", "delay_timeout": 8000, "delay_cs_api_url": "https://x"}
NOT_JSON: list[bytes] = [
    b"",
    b"{",
    b"[]",
    b'"x"',
    b"null",
    b"{}{}",
    b'\xef\xbb\xbf{"room": "!r:hs"}',
    b'{"room_id": "\xff"}',
    '{"room_id": "x"}'.encode("utf-16"),
    b'{"room_id": NaN}',
    b'{"delay_timeout": 1' + b"0" * 5000 + b"}",
    b'{"room_id": ' + b"[" * 30_000 + b"]" * 30_000 + b"}",
    b'{"a": ' * 9_000 + b"1" + b"}" * 9_000,
    b'{"room_id": "a", "room_id": "a"}',
]
WRONG_TYPES: list[dict[str, Any]] = [
    {"room_id": 5},
    {"slot_id": ["m.call#ROOM"]},
    {"openid_token": "x"},
    {"openid_token": []},
    {"member": "x"},
    {"delay_id": 5, "delay_timeout": 5},
    {"delay_id": "x", "delay_timeout": "8000"},
    {"delay_id": "x", "delay_timeout": True},
    {"delay_id": "x", "delay_timeout": 8000.5},
    {"delay_cs_api_url": {}},
    {"unknown": 1},
    {"Room_id": "x"},
    {"member": {"id": "x", "claimed_user_id": "@u:hs", "claimed_device_id": "D", "extra": 1}},
]
BAD: list[dict[str, Any]] = [
    {"room_id": None},
    {"room_id": ""},
    {"slot_id": None},
    {"slot_id": ""},
    {"openid_token": None},
    {"openid_token": {}},
    {"member": None},
    {"member": {}},
    {"member": {"id": "x", "claimed_user_id": "@u:hs"}},
    {"member": {"id": "", "claimed_user_id": "@u:hs", "claimed_device_id": "D"}},
    {"member": {"id": "x", "claimed_user_id": "", "claimed_device_id": "D"}},
    {"delay_id": "x"},
    {"delay_timeout": 8000},
    {"delay_id": "", "delay_timeout": 8000},
    {"delay_id": "x", "delay_timeout": 0},
    {"delay_id": "x", "delay_timeout": -1},
    {"room_id": "\ud800"},
    {"slot_id": "a\udfff"},
    {"delay_cs_api_url": "\ud800"},
    {"member": {"id": "\ud800", "claimed_user_id": "@u:hs", "claimed_device_id": "D"}},
]


@pytest.mark.parametrize("body", NOT_JSON, ids=range(len(NOT_JSON)))
@pytest.mark.parametrize("path", ["/get_token", "/sfu/get"])
def test_row_1_no_json(call: Call, path: str, body: bytes) -> None:
    assert errcode(call.post(path, body)) == (400, "M_NOT_JSON")
    assert call.counted == (0, 0)


@pytest.mark.parametrize("changes", WRONG_TYPES, ids=str)
def test_row_1_wrong_types_and_unknown_fields(call: Call, changes: dict[str, Any]) -> None:
    assert errcode(call.get_token(**changes)) == (400, "M_NOT_JSON")
    assert call.counted == (0, 0)


def test_row_1_of_sfu_get(call: Call) -> None:
    wrong: list[dict[str, Any]] = [
        {"room": 1},
        {"room_id": "x"},
        {"member": {}},
        {"openid_token": call.openid(x=1)},
    ]
    for changes in wrong:
        assert errcode(call.sfu_get(**changes)) == (400, "M_NOT_JSON")
        assert call.counted == (0, 0)


@pytest.mark.parametrize("changes", BAD, ids=ascii)
def test_row_2(call: Call, changes: dict[str, Any]) -> None:
    assert errcode(call.get_token(**changes)) == (400, "M_BAD_JSON")
    assert call.counted == (0, 0)


@pytest.mark.parametrize("field", ["access_token", "matrix_server_name"])
def test_row_2_of_the_openid_token(call: Call, field: str) -> None:
    for value in (None, "", "\ud800"):
        for answer in (
            call.get_token(openid_token=call.openid(**{field: value})),
            call.sfu_get(openid_token=call.openid(**{field: value})),
        ):
            assert errcode(answer) == (400, "M_BAD_JSON")
            assert call.counted == (0, 0)


def test_row_2_of_sfu_get(call: Call) -> None:
    for changes in ({"room": None}, {"room": ""}, {"delay_id": "x"}, {"device_id": "\ud800"}):
        assert errcode(call.sfu_get(**changes)) == (400, "M_BAD_JSON")
        assert call.counted == (0, 0)


def test_row_3_the_homeserver_does_not_vouch(call: Call) -> None:
    """Every row of "Order of checks" by test, with the count of upstream requests made. Canonical JSON:
    property test against an independent canonical encoder, with quotes, control characters, `<>&`, U+2028,
    astral characters.
    """
    call.homeserver.subs |= {
        "elsewhere": "@alice:example.org",
        "other-port": "@alice:localhost",
        "number": 5,
        "bob": f"@bob:{call.homeserver.name}",
        "no-user": call.homeserver.name,
    }
    for token in ("invented", "elsewhere", "other-port", "number", "no-user"):
        openid = call.openid(access_token=token)
        for answer in (call.get_token(openid_token=openid), call.sfu_get(openid_token=openid)):
            assert errcode(answer) == (401, "M_UNAUTHORIZED")
            assert call.counted == (1, 0)
    # bob's token, and the body says that he is alice
    assert errcode(call.get_token(openid_token=call.openid(access_token="bob"))) == (401, "M_UNAUTHORIZED")
    assert call.counted == (1, 0)


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"sub": null}', b"\xff", b'{"sub":"' + b"x" * 70_000 + b'"}'], ids=len
)
def test_row_3_an_answer_that_is_none(call: Call, body: bytes) -> None:
    call.homeserver.server.answering = lambda _: Reply(200, body)
    assert errcode(call.get_token()) == (401, "M_UNAUTHORIZED")
    assert call.counted == (1, 0)


def test_row_3_the_homeserver_cannot_be_reached(call: Call) -> None:
    for name in (f"localhost:{free_port()}", "a_b", "localhost:0", "localhost:99999", "[::", "x y", "hs\0"):
        openid = call.openid(matrix_server_name=name)
        assert errcode(call.get_token(openid_token=openid)) == (401, "M_UNAUTHORIZED")
        assert call.counted == (0, 0)


def test_row_3_the_use_rule(build_call: BuildCall) -> None:
    call = build_call(rule='localpart == "bob"')
    for answer in (call.get_token(), call.sfu_get()):
        assert errcode(answer) == (403, "M_FORBIDDEN")
        assert call.counted == (1, 0)
    # the token comes first
    openid = call.openid(access_token="invented")
    assert errcode(call.get_token(openid_token=openid)) == (401, "M_UNAUTHORIZED")


@pytest.mark.parametrize("restricted", [{"full_access_homeservers": ["example.org"]}, {"full_access": "0"}])
def test_row_4_a_delay_of_a_restricted_user(build_call: BuildCall, restricted: dict[str, Any]) -> None:
    call = build_call(**restricted)
    for answer in (call.get_token(**DELAY), call.sfu_get(**DELAY)):
        assert errcode(answer) == (400, "M_BAD_JSON")
        assert call.counted == (1, 0)
    assert errcode(call.delegate()) == (403, "M_FORBIDDEN")
    assert call.counted == (1, 0)
    assert issued(call) == 0


def test_row_5_a_delay_without_a_client_server_api(call: Call) -> None:
    for number, ask in enumerate((call.get_token, call.sfu_get, call.delegate)):
        assert errcode(ask(**DELAY)) == (400, "M_BAD_JSON")
        # the well-known file is asked for once
        assert call.counted == ((2, 0) if number == 0 else (1, 0))
    assert issued(call) == 0


def test_a_delay_does_not_hide_what_is_wrong_before(call: Call) -> None:
    delay = DELAY
    bad = call.openid(access_token="invented")
    assert errcode(call.get_token(openid_token=bad, **delay)) == (401, "M_UNAUTHORIZED")


@pytest.mark.parametrize("delay", [{"delay_id": "", "delay_timeout": 0}, {"delay_cs_api_url": "x"}], ids=str)
def test_no_delay(call: Call, delay: dict[str, Any]) -> None:
    assert call.get_token(**delay).status_code == 200


def test_row_6_the_sfu_refuses(call: Call) -> None:
    call.sfu.refusal = refuses(403, "permission_denied")
    for answer in (call.get_token(), call.sfu_get()):
        assert errcode(answer) == (500, "M_UNKNOWN")
        assert call.counted == (1, 1)
    assert issued(call) == 0


def test_nothing_is_wrong(call: Call) -> None:
    claims_of(call.get_token(), call.gateway.clock.now())
    assert call.counted == (1, 1)
    assert issued(call) == 1


def test_restricted_users_get_no_room(build_call: BuildCall) -> None:
    call = build_call(full_access_homeservers=["example.org"])
    assert call.get_token().status_code == 200
    assert call.counted == (1, 0)


def test_over_our_own_limit(build_call: BuildCall) -> None:
    call = build_call(upstream={"per_destination": 1})
    with call.gateway.parts.upstream.held(call.homeserver.name, Party.LISTED):
        answer = call.get_token()
    assert errcode(answer) == (429, "M_LIMIT_EXCEEDED")
    assert int(answer.headers["Retry-After"]) >= 1
    assert call.counted == (0, 0)
    assert call.get_token().status_code == 200


def issued(call: Call) -> int:
    """Return how many tokens are on record."""
    with closing(sqlite3.connect(call.gateway.parts.settings.data_dir / "issuer.db")) as database:
        return int(database.execute("SELECT count(*) FROM issuances").fetchone()[0])
