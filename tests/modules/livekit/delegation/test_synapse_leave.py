"""Delayed events of a real homeserver."""

import logging
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from modules.livekit.delegation.jobs.job import DelegationRequest
from modules.livekit.names import digest, room_name
from tests.modules.livekit.delegation.house import Worker
from tests.modules.livekit.sfu import Sfu, signed, webhook
from tests.service import wait_for
from tests.synapse import AS_TOKEN, Synapse, User
from tests.upstream.authority import Authority

MEMBER = "org.matrix.msc3401.call.member"
SLOT = "m.call#ROOM"
JOBS = 40
WITHOUT_TOKEN = 10
MINUTE = 60.0


@pytest.fixture(scope="module")
def clara(synapse: Synapse) -> User:
    return synapse.register("clara")


@pytest.fixture
def build(synapse: Synapse, sfu: Sfu, authority: Authority, store_url: str, tmp_path: Path) -> Iterator[Any]:
    built: list[Worker] = []

    def build(url: str = store_url, **changes: Any) -> Worker:
        server: Any = synapse  # its name is all that counts
        worker = Worker(url, server, sfu, authority, discover=True, **changes)
        built.append(worker)
        return worker.start()

    yield build
    for worker in built:
        worker.stop()


def test_a_leave(build: Any, clara: User) -> None:
    """Against a real Synapse with delayed events enabled: a delayed leave is restarted while "connected", and
    is in the room's state within 2 s after the `participant_left` webhook.
    """
    worker: Worker = build()
    room, key = clara.create_room(), f"_{clara.user_id}_DEV"
    clara.set_state(room, MEMBER, {"application": "m.call"}, key)
    delay_id = clara.schedule_state(room, MEMBER, key, 2500)
    member = {"id": "xyz", "claimed_user_id": clara.user_id, "claimed_device_id": "DEV"}
    asked = {"room_id": room, "slot_id": SLOT, "openid_token": clara.openid_token(), "member": member}
    answer = worker.post("/get_token", {**asked, "delay_id": delay_id, "delay_timeout": 2500})
    assert answer.status_code == 200, answer.text
    pair = room_name(room, SLOT), digest(clara.user_id, "DEV", "xyz")

    def hook(event: str) -> None:
        body = webhook(event, *pair, "PA_1")
        assert worker.send_hook(body, signed(body)).status_code == 200

    hook("participant_joined")
    scheduled = time.time()
    wait_for(lambda: time.time() > scheduled + 6, "more than two delays")
    assert clara.state(room, MEMBER, key) == {"application": "m.call"}
    since = clara.delayed_events()[delay_id]["delayed_since_ts"]
    assert since / 1000 > scheduled + 3, "it was restarted"
    left = time.monotonic()
    hook("participant_left")
    wait_for(lambda: clara.state(room, MEMBER, key) == {}, "the leave in the room's state")
    assert time.monotonic() - left < 2
    wait_for(lambda: worker.jobs == [], "the end of the job")


def test_stock_rate_limits(
    build: Any, synapse: Synapse, clara: User, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The same Synapse with its stock rate limits: 40 jobs at 8 s with an application-service token keep all
    their events alive for a minute; without a token the warning appears.
    """
    assert "rc_delayed_event_mgmt" not in (synapse.directory / "homeserver.yaml").read_text()
    room = clara.create_room()
    worker: Worker = build(homeservers=[{"name": synapse.name, "as_token": AS_TOKEN}])
    kept = {hand_over(worker, clara, room, f"kept-{number}") for number in range(JOBS)}
    began = time.time()
    wait_for(lambda: worker.phases() == ["connected"] * JOBS, "all to be connected")
    assert "limits our calls" not in caplog.text
    poor: Worker = build(f"sqlite:///{tmp_path / 'poor.db'}")
    dan = synapse.register("dan")
    for number in range(WITHOUT_TOKEN):
        hand_over(poor, dan, room, f"poor-{number}")
    wait_for(lambda: "limits our calls for delayed events (429)" in caplog.text, "the warning")
    warnings = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert [synapse.name in record.getMessage() for record in warnings] == [True]
    poor.stop()
    deadline = began + MINUTE
    while time.time() < deadline:
        time.sleep(1)
        assert len(worker.jobs) == JOBS
    assert kept <= clara.delayed_events().keys()
    assert worker.phases() == ["connected"] * JOBS


def hand_over(worker: Worker, user: User, room: str, key: str) -> str:
    """Schedule an event with a delay of 8 s, and hand it over while its participant is on the SFU."""
    delay_id = user.schedule_state(room, MEMBER, key, 8000)
    worker.sfu.participants["room", key] = f"PA_{key}"
    worker.module.delegation.accept(DelegationRequest("room", key, user.synapse.name, delay_id, 8.0))
    return delay_id
