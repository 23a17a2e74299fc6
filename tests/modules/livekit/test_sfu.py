"""Creating rooms on the SFU."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from livekit.protocol.room import CreateRoomRequest

from issuer.app import parts
from modules.livekit.names import room_name
from tests.modules.livekit.calls import ROOM, SLOT, Call, errcode
from tests.modules.livekit.conftest import BuildCall
from tests.modules.livekit.sfu import refuses, signed, webhook
from tests.service import wait_for
from tests.upstream.stub import Reply


def test_the_room_is_created(call: Call) -> None:
    """A stub SFU that speaks Twirp/protobuf as LiveKit does (built on `livekit-protocol`) checks the
    signature and grants of our API calls and the exact room options; SFU down or refusing → 500 `M_UNKNOWN`,
    no token.
    """
    assert call.get_token().status_code == 200
    assert call.sfu.faults == []
    name = room_name(ROOM, SLOT)
    expected = CreateRoomRequest(name=name, empty_timeout=300, departure_timeout=20, max_participants=0)
    assert call.sfu.rooms == [expected]


@pytest.mark.parametrize(
    "refusal",
    [
        refuses(401, "unauthenticated"),
        refuses(403, "permission_denied"),
        refuses(429, "resource_exhausted"),
        refuses(500, "internal"),
        refuses(503, "unavailable"),
        Reply(302, b"", {"Location": "http://127.0.0.1/"}),
        Reply(404, b"not found"),
        Reply(500, b"[]", {"Content-Type": "application/json"}),
        Reply(200, b"\xff\xff\xff", {"Content-Type": "application/protobuf"}),
        Reply(200, b"x" * 70_000),
        Reply(200, b"", {"Content-Length": "100", "Connection": "close"}),
    ],
    ids=lambda reply: f"{reply.status}-{reply.body[:8]!r}",
)
def test_the_sfu_refuses(call: Call, refusal: Reply) -> None:
    """A stub SFU that speaks Twirp/protobuf as LiveKit does (built on `livekit-protocol`) checks the
    signature and grants of our API calls and the exact room options; SFU down or refusing → 500 `M_UNKNOWN`,
    no token.
    """
    call.sfu.refusal = refusal
    answer = call.get_token()
    assert errcode(answer) == (500, "M_UNKNOWN")
    assert "jwt" not in answer.text
    assert call.counted == (1, 1)
    # a failure is not remembered
    call.sfu.refusal = None
    assert call.get_token().status_code == 200


def test_the_sfu_is_down(call: Call) -> None:
    """A stub SFU that speaks Twirp/protobuf as LiveKit does (built on `livekit-protocol`) checks the
    signature and grants of our API calls and the exact room options; SFU down or refusing → 500 `M_UNKNOWN`,
    no token.
    """
    call.sfu.close()
    answer = call.get_token()
    assert errcode(answer) == (500, "M_UNKNOWN")
    assert "jwt" not in answer.text


def test_the_sfu_hangs(build_call: BuildCall) -> None:
    call = build_call(upstream={"total_timeout": "1s"})
    call.sfu.delay = Reply(waits_for=threading.Event())
    assert errcode(call.get_token()) == (500, "M_UNKNOWN")


def test_another_key_is_refused(build_call: BuildCall) -> None:
    call = build_call(api_secret="another-secret-of-enough-characters")
    assert errcode(call.get_token()) == (500, "M_UNKNOWN")
    assert call.sfu.faults == ["token: Signature verification failed"]


def test_concurrent_creations_are_one_call(build_call: BuildCall) -> None:
    call = build_call()
    go = threading.Event()
    call.sfu.delay = Reply(waits_for=go)
    clients = 10
    with ThreadPoolExecutor(clients) as pool:
        answers = [pool.submit(call.get_token) for _ in range(clients)]
        wait_for(lambda: call.homeserver.requests == clients, "every token to be verified")
        wait_for(lambda: len(call.sfu.server.seen) >= 1, "the call to the SFU")
        go.set()
    assert [answer.result().status_code for answer in answers] == [200] * clients
    assert len(call.sfu.rooms) == 1


def test_concurrent_failures_are_everybodys(build_call: BuildCall) -> None:
    call = build_call()
    go = threading.Event()
    call.sfu.refusal = Reply(500, b"{}", waits_for=go)
    with ThreadPoolExecutor(4) as pool:
        answers = [pool.submit(call.get_token) for _ in range(4)]
        wait_for(lambda: call.homeserver.requests == 4, "every token to be verified")
        go.set()
    assert {answer.result().status_code for answer in answers} == {500}


def create(call: Call, **changes: str) -> None:
    answer = call.get_token(**changes)
    assert answer.status_code == 200


class TestRemembered:
    """What is known of a room is as old as no restart of an SFU can be, or is asked for."""

    def test_a_created_room_is_remembered_for_a_moment(self, call: Call) -> None:
        create(call)
        call.gateway.clock.advance(0.05)
        create(call)
        assert len(call.sfu.rooms) == 1
        create(call, room_id="!other:example.org")
        assert len(call.sfu.rooms) == 2
        call.gateway.clock.advance(0.1)
        create(call)
        assert len(call.sfu.rooms) == 3

    def test_a_room_that_ended_is_forgotten(self, call: Call) -> None:
        create(call)
        body = webhook("room_finished", room_name(ROOM, SLOT), "", participant=None)
        path = "/livekit/jwt/sfu_webhook"
        answer = call.gateway.client().post(path, data=body, headers={"Authorization": signed(body)})
        assert answer.status_code == 200
        create(call)
        assert len(call.sfu.rooms) == 2

    def test_a_failure_forgets_all(self, call: Call) -> None:
        create(call)
        call.sfu.refusal = refuses(503, "unavailable")
        assert call.get_token(room_id="!other:example.org").status_code == 500
        call.sfu.refusal = None
        create(call)
        assert len(call.sfu.rooms) == 2

    def test_a_room_that_is_about_to_end_is_seen_over_its_end(self, call: Call) -> None:
        """Nobody is in it, and it is not new: the SFU does not keep it longer for who asks for it."""
        call.sfu.created_at = int(call.gateway.clock.now()) - 60
        create(call)
        create(call)
        assert len(call.sfu.rooms) >= 2, "it is not remembered"
        wait_for(lambda: len(call.sfu.rooms) >= 5, "to be created again and again")
        call.sfu.sid = "RM_new"
        module: Any = parts(call.gateway.app).modules["livekit"]
        wait_for(lambda: not module._calls.rooms._renewing, "the end of that")
