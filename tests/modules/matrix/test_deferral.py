"""Answers that are made on the loop, where the server allows it: no request thread waits for homeservers."""

import json
import threading
from queue import SimpleQueue
from typing import Any

import pytest

from issuer.matrix import Homeservers
from issuer.runtime import KEY, DeferredResponse
from tests.modules.matrix.calls import API_TOKEN, NOBODY_IN_ROOM, Caller
from tests.modules.matrix.conftest import BuildStubbed
from tests.modules.matrix.stub import ROOM, Home
from tests.upstream.stub import Reply, Seen

IN_ROOM = "/matrix/verify/user_in_room"


class Later:
    """A request whose answer the server lets come later."""

    def __init__(self, caller: Caller, home: Home, **changes: Any) -> None:
        body = {"matrix_server_name": home.name, "room_id": ROOM, "token": "alice-token", **changes}
        headers = {"Authorization": f"Bearer {API_TOKEN}"}
        deferred = DeferredResponse()
        overrides = {KEY: deferred}
        client = caller.gateway.client()
        self.answer = client.post(IN_ROOM, json=body, headers=headers, environ_overrides=overrides)
        self.heard: SimpleQueue[bytes | Exception | None] = SimpleQueue()
        assert deferred.send_after
        deferred.send_after(self.heard.put)

    def content(self) -> Any:
        heard = self.heard.get(timeout=30)
        assert isinstance(heard, bytes), heard
        return json.loads(heard)


def test_the_answer_is_the_same(build_stubbed: BuildStubbed, stubbed: Home) -> None:
    """The answers byte for byte as in the contract (key sets and types), so that existing Prosody modules
    work; exactly one answer per request in every branch.
    """
    caller = build_stubbed()
    for changes in ({}, {"token": "invented"}, {"room_id": "!other:example.org"}, {"room_id": "no room"}):
        body = {"matrix_server_name": stubbed.name, "room_id": ROOM, "token": "alice-token", **changes}
        later = Later(caller, stubbed, **changes)
        assert (later.answer.status_code, later.answer.content_type) == (200, "application/json")
        assert later.heard.get(timeout=30) == caller.post(IN_ROOM, body).data
        assert later.heard.empty()


def test_a_homeserver_that_hangs_holds_no_thread(build_stubbed: BuildStubbed, stubbed: Home) -> None:
    goes_on, honest = threading.Event(), stubbed.server.answering

    def hang(seen: Seen) -> Reply:
        reply = honest(seen)
        return Reply(reply.status, reply.body, waits_for=goes_on)

    stubbed.server.answering = hang
    caller = build_stubbed(connect_timeout="9s")
    asked = [Later(caller, stubbed) for _ in range(30)]  # one thread, that of the test, asked all of them
    goes_on.set()
    assert [later.content()["results"]["room_membership"] for later in asked] == [True] * 30


def test_a_burst_is_served_however_long_the_queue(build_stubbed: BuildStubbed, stubbed: Home) -> None:
    slow = threading.Event()
    honest = stubbed.server.answering
    threading.Timer(1.5, slow.set).start()  # three times what a thread would wait for its turn

    def answer(seen: Seen) -> Reply:
        reply = honest(seen)
        return Reply(reply.status, reply.body, waits_for=slow)

    stubbed.server.answering = answer
    caller = build_stubbed(connect_timeout="9s")
    asked = [Later(caller, stubbed) for _ in range(50)]
    assert [later.content()["user_id"] for later in asked] == [stubbed.alice] * 50


def test_a_homeserver_that_is_down(build_stubbed: BuildStubbed, stubbed: Home) -> None:
    caller = build_stubbed()
    stubbed.close()
    assert Later(caller, stubbed).content() == NOBODY_IN_ROOM


def test_a_fault_of_ours_is_heard_and_answered_anew(
    build_stubbed: BuildStubbed, stubbed: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> str:
        raise KeyError("alice-token")

    caller = build_stubbed()
    monkeypatch.setattr(Homeservers, "find_openid_user", fail)
    heard = Later(caller, stubbed).heard.get(timeout=30)
    assert isinstance(heard, RuntimeError)
    body = {"matrix_server_name": stubbed.name, "room_id": ROOM, "token": "alice-token"}
    assert caller.post(IN_ROOM, body).status_code == 500
