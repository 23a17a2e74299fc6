"""What the SFU says, and what others say in its name."""

import hashlib
import json
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from livekit.protocol.webhook import WebhookEvent

from modules.livekit.delegation.webhooks import NotSignedError, Webhook, receive
from modules.livekit.settings import LiveKitSettings
from tests.modules.livekit.delegation.conftest import BuildWorker
from tests.modules.livekit.delegation.house import LIVEKIT_ROOM, Worker, wait_for_restart
from tests.modules.livekit.sfu import KEY, SECRET, refuses, signed, webhook
from tests.service import wait_for

SETTINGS = LiveKitSettings.model_validate(
    {
        "path": "/livekit",
        "url": "ws://sfu",
        "api_key": KEY,
        "api_secret": SECRET,
        "full_access_homeservers": ["*"],
    }
)


@pytest.fixture
def idle(build_worker: BuildWorker) -> Worker:
    """A worker with one job, which nobody runs: what the store says is all that happens."""
    worker = build_worker()
    worker.delegate()
    return worker


def body_of(worker: Worker, event: str = "participant_joined", **more: object) -> bytes:
    return webhook(event, LIVEKIT_ROOM, worker.identity("xyz"), "PA_1", **more)


def test_a_genuine_one(idle: Worker) -> None:
    answer = idle.hook("participant_joined")
    assert (answer.status_code, answer.json) == (200, {})
    assert "Access-Control-Allow-Origin" not in answer.headers
    (job,) = idle.jobs
    assert (job.state.phase, job.state.sid) == ("connected", "PA_1")
    assert idle.hook("participant_left").status_code == 200
    assert idle.phases() == ["disconnected"]


def test_an_aborted_connection_is_a_leave(idle: Worker) -> None:
    idle.hook("participant_joined")
    assert idle.hook("participant_connection_aborted").status_code == 200
    assert idle.phases() == ["disconnected"]


def test_what_the_sfu_did_not_sign(idle: Worker) -> None:
    """Every cell of the table, replacement, independence of jobs, percent-encoding of `delay_id` (`../../x`,
    `a/b`, `%2F`, unicode), 404/429 with both hints/5xx/timeouts, unsigned, wrongly signed, replayed and
    altered webhooks, unknown event types, missing `participant` or `room`.
    """
    body = body_of(idle)
    other = body_of(idle)
    now = int(time.time())
    digest = hashlib.sha256(body).hexdigest()
    tokens = {
        "unsigned": None,
        "empty": "",
        "junk": "abc.def.ghi",
        "another secret": signed(body, secret="another-secret-of-enough-characters"),
        "another key": signed(body, iss="APIother"),
        "another body": signed(other),
        "altered afterwards": signed(body.replace(b"PA_1", b"PA_2")),
        "without a digest": signed(body, sha256=None),
        "a digest in hexadecimal": signed(body, sha256=digest),
        "a digest that is a number": signed(body, sha256=5),
        "expired": signed(body, nbf=now - 1000, exp=now - 500),
        "not yet": signed(body, nbf=now + 500, exp=now + 1000),
        "without an end": signed(body, exp=None),
        "with alg none": "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0." + signed(body).split(".")[1] + ".",
        "with strange grants": signed(body, video=[]),
    }
    statuses = {name: idle.send_hook(body, token).status_code for name, token in tokens.items()}
    assert statuses == dict.fromkeys(tokens, 401)
    assert idle.phases() == ["waiting"]
    answer = idle.send_hook(body, None)
    assert answer.json
    assert answer.json["errcode"] == "M_UNAUTHORIZED"
    assert "Access-Control-Allow-Origin" not in answer.headers
    assert idle.send_hook(body, signed(body)).status_code == 200
    assert idle.phases() == ["connected"]


@pytest.mark.parametrize("event", ["participant_left", "participant_joined"])
def test_the_same_again_is_ignored(build_worker: BuildWorker, event: str) -> None:
    """Every cell of the table, replacement, independence of jobs, percent-encoding of `delay_id` (`../../x`,
    `a/b`, `%2F`, unicode), 404/429 with both hints/5xx/timeouts, unsigned, wrongly signed, replayed and
    altered webhooks, unknown event types, missing `participant` or `room`.
    """
    worker, another = build_worker(), build_worker()
    body = body_of(worker, event)
    for attempt in range(3):  # before there is a job, too
        worker.delegate(delay_id=f"syd_{attempt}")
        sender = (worker, another, worker)[attempt]
        assert sender.send_hook(body, signed(body, jti=str(attempt))).status_code == 200
    assert worker.phases() == ["waiting"]
    # the id does not count: senders repeat ids
    for number in (1, 2):
        worker.delegate(delay_id=f"syd_again_{number}")
        worker.hook("participant_joined", id="EV_same", sid=f"PA_{number}")
        assert worker.phases() == ["connected"]


def test_it_is_remembered_as_long_as_its_token_lives(idle: Worker) -> None:
    body = body_of(idle)
    found = receive(SETTINGS, body, signed(body, exp=int(time.time()) + 500))
    assert isinstance(found, Webhook)
    assert found.expires_at >= time.time() + 500


@pytest.mark.parametrize(
    "changes",
    [
        {"event": "room_started"},
        {"event": "track_published"},
        {"event": "participant_of_the_future"},
        {"event": ""},
        {"participant": None},
        {"room": None},
        {"participant": {}},
        {"room": {"name": ""}},
        {"participant": {"sid": "PA_1"}},
        {"room": {"name": "another"}},
        {"participant": {"identity": "nobody"}},
        {"participant": {"identity": "a\0b"}},
        {"unknown": {"field": 1}},
    ],
    ids=str,
)
def test_genuine_and_of_no_use(idle: Worker, changes: dict[str, object]) -> None:
    """Every cell of the table, replacement, independence of jobs, percent-encoding of `delay_id` (`../../x`,
    `a/b`, `%2F`, unicode), 404/429 with both hints/5xx/timeouts, unsigned, wrongly signed, replayed and
    altered webhooks, unknown event types, missing `participant` or `room`.
    """
    event = str(changes.pop("event", "participant_left"))
    if "unknown" in changes:
        event = "participant_joined"
    body = body_of(idle, event, **changes)
    assert idle.send_hook(body, signed(body)).status_code == 200
    assert idle.phases() == (["connected"] if "unknown" in changes else ["waiting"])


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b'"x"', b'{"event": 5}', b'{"room": "x"}', b"\xff"], ids=str
)
def test_signed_nonsense(idle: Worker, body: bytes) -> None:
    assert idle.send_hook(body, signed(body)).status_code in {200, 401}
    assert idle.phases() == ["waiting"]


def test_other_methods(idle: Worker) -> None:
    for method in ("GET", "PUT", "DELETE", "OPTIONS", "HEAD"):
        answer = idle.app.test_client().open("/livekit/jwt/sfu_webhook", method=method)
        assert answer.status_code == 405
        assert "Access-Control-Allow-Origin" not in answer.headers


def test_at_the_root(build_worker: BuildWorker) -> None:
    worker = build_worker(at_root=True)
    worker.delegate()
    body = body_of(worker)
    answer = worker.app.test_client().post("/sfu_webhook", data=body, headers={"Authorization": signed(body)})
    assert answer.status_code == 200
    assert worker.phases() == ["connected"]
    assert worker.app.test_client().post("/sfu_webhook", data=body).status_code == 401


def test_a_leave_of_a_former_connection(idle: Worker) -> None:
    idle.hook("participant_joined", sid="PA_1")
    idle.hook("participant_joined", sid="PA_2")
    idle.hook("participant_left", sid="PA_1")
    assert idle.phases() == ["connected"]
    idle.hook("participant_left", sid="PA_2")
    assert idle.phases() == ["disconnected"]


def test_a_leave_of_a_connection_that_another_replaced(idle: Worker) -> None:
    """The SFU says so 50 to 100 ms before it tells of the new connection."""
    idle.hook("participant_joined", sid="PA_1")
    participant = {"sid": "PA_1", "identity": idle.identity("xyz"), "disconnectReason": "DUPLICATE_IDENTITY"}
    assert idle.hook("participant_left", participant=participant).status_code == 200
    assert idle.phases() == ["connected"]


def test_a_client_that_is_back(worker: Worker) -> None:
    """A leave is not believed while the SFU has somebody of that identity."""
    event = worker.delegate()
    worker.join(sid="PA_1")
    wait_for_restart(event)
    worker.sfu.participants[LIVEKIT_ROOM, worker.identity("xyz")] = "PA_2"
    assert worker.hook("participant_left", sid="PA_1").status_code == 200
    wait_for_restart(event, 2)
    assert worker.phases() == ["connected"]
    worker.leave(sid="PA_2")
    wait_for(lambda: worker.jobs == [], "the end")
    assert event.sent_at


def test_a_leave_waits_for_an_sfu_that_does_not_answer(worker: Worker) -> None:
    event = worker.delegate()
    worker.join()
    wait_for_restart(event)
    worker.sfu.refusal = refuses(503, "unavailable")
    looked = len(worker.sfu.server.seen)
    worker.leave()
    wait_for(lambda: len(worker.sfu.server.seen) >= looked + 2, "two lookups that fail")
    assert (worker.phases(), event.sent_at) == (["disconnected"], None)
    worker.sfu.refusal = None
    wait_for(lambda: worker.jobs == [], "the end")
    assert event.sent_at


def test_a_participant_with_much_metadata(idle: Worker) -> None:
    participant = {"sid": "PA_1", "identity": idle.identity("xyz"), "metadata": "x" * 600_000}
    assert idle.hook("participant_joined", participant=participant).status_code == 200
    assert idle.phases() == ["connected"]
    body = body_of(idle, participant=participant)
    token = signed(body, secret="another-secret-of-enough-characters")
    assert idle.send_hook(body, token).status_code in {401, 413}


def test_jobs_are_independent(build_worker: BuildWorker) -> None:
    """Every cell of the table, replacement, independence of jobs, percent-encoding of `delay_id` (`../../x`,
    `a/b`, `%2F`, unicode), 404/429 with both hints/5xx/timeouts, unsigned, wrongly signed, replayed and
    altered webhooks, unknown event types, missing `participant` or `room`.
    """
    worker = build_worker()
    for member in ("a", "b", "c"):
        worker.delegate(member)
    worker.hook("participant_joined", "a")
    worker.hook("participant_left", "b")
    by_identity = {job.asked.identity: job.state.phase for job in worker.jobs}
    assert by_identity == {worker.identity("a"): "connected", worker.identity("c"): "waiting"}


def test_a_new_request_replaces_the_job(build_worker: BuildWorker, tmp_path: Path) -> None:
    """Every cell of the table, replacement, independence of jobs, percent-encoding of `delay_id` (`../../x`,
    `a/b`, `%2F`, unicode), 404/429 with both hints/5xx/timeouts, unsigned, wrongly signed, replayed and
    altered webhooks, unknown event types, missing `participant` or `room`.
    """
    worker, another = build_worker(), build_worker()
    worker.delegate(delay_id="syd_first")
    worker.hook("participant_joined")
    another.delegate(delay_id="syd_second", delay=18.0)
    (job,) = worker.jobs
    assert (job.asked.delay_id, job.asked.timeout, job.state.phase) == ("syd_second", 18.0, "waiting")
    stored = b"".join(path.read_bytes() for path in tmp_path.glob("issuer.db*"))
    assert job.id.encode() in stored
    assert b"syd_second" not in stored
    assert b"syd_first" not in stored


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.binary(max_size=300), token=st.text(max_size=100))
def test_strangers_bodies(body: bytes, token: str) -> None:
    with pytest.raises(NotSignedError):
        receive(SETTINGS, body, token)


NAMES = st.sampled_from(list(WebhookEvent.DESCRIPTOR.fields_by_name)) | st.text(max_size=5)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=150, deadline=None)
@given(changes=st.dictionaries(NAMES.filter(lambda name: name != "event"), VALUES, max_size=4))
def test_signed_bodies_of_any_shape(changes: dict[str, object]) -> None:
    body = json.dumps({**json.loads(webhook("participant_joined", "room", "identity")), **changes}).encode()
    found = receive(SETTINGS, body, signed(body))
    assert not isinstance(found, Webhook) or all(found.pair)
