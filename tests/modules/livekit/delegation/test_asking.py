"""Handing a delayed leave event over."""

import logging

import pytest

from issuer.store import StoreError
from modules.livekit.delegation.jobs.repository import Jobs
from tests.modules.livekit.calls import ROOM, claims_of
from tests.modules.livekit.delegation.conftest import BuildWorker
from tests.modules.livekit.delegation.house import LIVEKIT_ROOM, Worker


@pytest.fixture
def idle(build_worker: BuildWorker) -> Worker:
    return build_worker()


def test_with_a_token(idle: Worker) -> None:
    claims = claims_of(idle.post("/get_token", idle.body("xyz", "syd_1")), 0)
    (job,) = idle.jobs
    assert job.asked.pair == (claims["video"]["room"], claims["sub"]) == (LIVEKIT_ROOM, idle.identity("xyz"))
    assert (job.asked.delay_id, job.asked.timeout) == ("syd_1", 8.0)
    assert job.asked.server_name == idle.homeserver.name
    assert len(idle.sfu.rooms) == 1


def test_with_a_token_for_older_clients(idle: Worker) -> None:
    token = {"access_token": "alice-token", "matrix_server_name": idle.homeserver.name}
    body = {"room": ROOM, "openid_token": token, "device_id": "DEV", "delay_id": "x", "delay_timeout": 18500}
    claims = claims_of(idle.post("/sfu/get", body), 0)
    (job,) = idle.jobs
    assert job.asked.pair == (LIVEKIT_ROOM, claims["sub"]) == (LIVEKIT_ROOM, f"{idle.homeserver.user}:DEV")
    assert job.asked.timeout == 18.5


def test_by_itself(idle: Worker) -> None:
    answer = idle.post("/delegate_delayed_leave", idle.body("xyz", "syd_1"))
    assert (answer.status_code, answer.json) == (200, {})
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert idle.phases() == ["waiting"]
    assert idle.sfu.rooms == []
    assert idle.parts.store.issuances.search() == []


def test_the_delay_is_required_there(idle: Worker) -> None:
    for body in (idle.body("xyz", None), {**idle.body("xyz", None), "delay_id": "", "delay_timeout": 0}):
        answer = idle.post("/delegate_delayed_leave", body)
        assert (answer.status_code, answer.json and answer.json["errcode"]) == (400, "M_BAD_JSON")
    assert idle.homeserver.requests == 0


@pytest.mark.parametrize(
    "changes",
    [{"delay_id": "."}, {"delay_id": ".."}, {"delay_id": "x" * 1025}, {"delay_timeout": 10**15}],
    ids=lambda changes: str(changes)[:40],
)
def test_what_cannot_be(idle: Worker, changes: dict[str, object]) -> None:
    answer = idle.post("/delegate_delayed_leave", {**idle.body("xyz", "syd_1"), **changes})
    assert (answer.status_code, answer.json and answer.json["errcode"]) == (400, "M_BAD_JSON")
    assert idle.homeserver.requests == 0


def test_the_rule_decides(build_worker: BuildWorker) -> None:
    worker = build_worker(rule='localpart == "bob"')
    answer = worker.post("/delegate_delayed_leave", worker.body("xyz", "syd_1"))
    assert (answer.status_code, answer.json and answer.json["errcode"]) == (403, "M_FORBIDDEN")
    assert worker.jobs == []


def test_what_cannot_be_kept_is_not_promised(idle: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise StoreError("the disk is full")

    monkeypatch.setattr(Jobs, "add", fail)
    for path in ("/get_token", "/delegate_delayed_leave"):
        answer = idle.post(path, idle.body("xyz", "syd_1"))
        assert answer.status_code == 503
        assert "jwt" not in answer.text


def test_the_sfu_refuses(idle: Worker) -> None:
    idle.sfu.close()
    assert idle.post("/get_token", idle.body("xyz", "syd_1")).status_code == 500
    assert idle.jobs == []


def test_a_delay_id_is_in_no_log(idle: Worker, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    idle.delegate(delay_id="syd_SeCrEt")
    idle.hook("participant_joined")
    assert "delegated_leave" in caplog.text
    assert "SeCrEt" not in caplog.text
