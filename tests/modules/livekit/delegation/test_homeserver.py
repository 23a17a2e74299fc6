"""Calls to homeservers about delayed events."""

import logging
import threading
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from issuer.upstream import UpstreamResponse
from issuer.world import SteadyClock, SystemClock
from modules.livekit.delegation.engine.model import Action, Event, Failed, Gone, Restarted, Sent
from modules.livekit.delegation.homeserver import DelayedEvents, retry_after
from modules.livekit.delegation.jobs.job import DelegationRequest
from tests.modules.livekit.delegation.conftest import BuildWorker
from tests.modules.livekit.delegation.homeserver import EVENTS, GONE, DelayingHomeserver, error
from tests.modules.livekit.delegation.house import Worker
from tests.upstream.stub import Reply


class Caller:
    """Acts on events of the stub homeserver."""

    def __init__(self, worker: Worker, token: str | None = None) -> None:
        self.homeserver = worker.homeserver
        self._upstream = worker.parts.upstream
        tokens = {self.homeserver.name: token} if token else {}
        self.events = DelayedEvents(
            self._upstream,
            worker.module.delegation._homeservers,
            SteadyClock(SystemClock()),
            lambda: 0.25,
            tokens,
            "livekit",
        )

    def act(
        self, delay_id: str = "syd_1", action: Action = Action.RESTART, left: float = 8.0
    ) -> Event | None:
        asked = DelegationRequest("room", "identity", self.homeserver.name, delay_id, 8.0)
        return self._upstream.call(self.events.act(action, asked, time.time() + left, lambda: True), 30)


@pytest.fixture
def caller(build_worker: BuildWorker) -> Caller:
    return Caller(build_worker())


@pytest.mark.parametrize(
    "delay_id",
    ["../../x", "a/b", "%2F", "ü \N{SNOWMAN}", "a?b#c", "\\..\\", "%", "a+b&c=d", "....", "\x7f\n"],
)
def test_a_delay_id_is_one_segment(caller: Caller, homeserver: DelayingHomeserver, delay_id: str) -> None:
    """Every cell of the table, replacement, independence of jobs, percent-encoding of `delay_id` (`../../x`,
    `a/b`, `%2F`, unicode), 404/429 with both hints/5xx/timeouts, unsigned, wrongly signed, replayed and
    altered webhooks, unknown event types, missing `participant` or `room`.
    """
    homeserver.schedule(delay_id)
    assert isinstance(caller.act(delay_id), Restarted)
    assert caller.act(delay_id, Action.SEND) == Sent()
    assert homeserver.acts == [(delay_id, "restart"), (delay_id, "send")]
    assert homeserver.server.paths[-1] == f"{EVENTS}{quote(delay_id, safe='')}/send"
    assert homeserver.faults == []


ANSWERS: list[tuple[Reply, Any]] = [
    (GONE, Gone),
    (error(404, "M_UNRECOGNIZED"), 404),
    (Reply(404, b"<html>"), 404),
    (Reply(404, b"[]"), 404),
    (Reply(404, b'{"errcode": 5}'), 404),
    (error(400, "M_INVALID_PARAM"), 400),
    (error(401, "M_MISSING_TOKEN"), 401),
    (error(403, "M_FORBIDDEN"), 403),
    (error(500, "M_UNKNOWN"), 500),
    (Reply(502, b"bad gateway"), 502),
    (Reply(503), 503),
    (Reply(302, b"", {"Location": "/"}), 302),
    (Reply(200, b"x" * 70_000), 0),
    (Reply(200, b"", {"Content-Length": "100", "Connection": "close"}), 0),
]


@pytest.mark.parametrize(("reply", "expected"), ANSWERS, ids=lambda value: getattr(value, "status", ""))
@pytest.mark.parametrize("action", [Action.RESTART, Action.SEND])
def test_answers(
    caller: Caller, homeserver: DelayingHomeserver, reply: Reply, expected: Any, action: Action
) -> None:
    """Every cell of the table, replacement, independence of jobs, percent-encoding of `delay_id` (`../../x`,
    `a/b`, `%2F`, unicode), 404/429 with both hints/5xx/timeouts, unsigned, wrongly signed, replayed and
    altered webhooks, unknown event types, missing `participant` or `room`.
    """
    homeserver.instead = lambda *_: reply
    event = caller.act(action=action)
    assert event == (Gone(action) if expected is Gone else Failed(action, 0.25, expected))


@pytest.mark.parametrize(
    ("headers", "more", "wait"),
    [
        ({"Retry-After": "2"}, {"retry_after_ms": 700}, 2.0),
        ({}, {"retry_after_ms": 700}, 0.7),
        ({"Retry-After": "soon"}, {"retry_after_ms": 700}, 0.7),
        ({"Retry-After": "-1"}, {"retry_after_ms": 700}, 0.7),
        ({}, {"retry_after_ms": True}, None),
        ({}, {"retry_after_ms": "700"}, None),
        ({}, {"retry_after_ms": -5}, 0.0),
        ({}, {"retry_after_ms": 10**400}, 3600.0),
        ({"Retry-After": "9" * 5000}, {}, 3600.0),
        ({}, {}, None),
    ],
    ids=str,
)
def test_a_limit(
    caller: Caller, homeserver: DelayingHomeserver, headers: dict[str, str], more: Any, wait: float | None
) -> None:
    """Every cell of the table, replacement, independence of jobs, percent-encoding of `delay_id` (`../../x`,
    `a/b`, `%2F`, unicode), 404/429 with both hints/5xx/timeouts, unsigned, wrongly signed, replayed and
    altered webhooks, unknown event types, missing `participant` or `room`.
    """
    reply = error(429, "M_LIMIT_EXCEEDED", **more)
    homeserver.instead = lambda *_: Reply(429, reply.body, headers)
    assert caller.act() == Failed(Action.RESTART, 0.25, 429, wait)


def test_a_date_is_a_hint_too() -> None:
    now = datetime(2026, 11, 25, tzinfo=UTC)
    headers = CIMultiDict({"Retry-After": format_datetime(now + timedelta(seconds=90), usegmt=True)})
    assert retry_after(UpstreamResponse(429, headers, b""), now.timestamp()) == 90.0


@given(header=st.text(), body=st.binary())
def test_any_hint(header: str, body: bytes) -> None:
    wait = retry_after(UpstreamResponse(429, {"Retry-After": header}, body), 0.0)
    assert wait is None or 0 <= wait <= 3600


def test_nobody_answers(caller: Caller, homeserver: DelayingHomeserver) -> None:
    """Every cell of the table, replacement, independence of jobs, percent-encoding of `delay_id` (`../../x`,
    `a/b`, `%2F`, unicode), 404/429 with both hints/5xx/timeouts, unsigned, wrongly signed, replayed and
    altered webhooks, unknown event types, missing `participant` or `room`.
    """
    never = threading.Event()
    homeserver.instead = lambda *_: Reply(waits_for=never)
    began = time.monotonic()
    assert caller.act(left=1.6) == Failed(Action.RESTART, 0.25)
    assert time.monotonic() - began < 1.6, "no second try would be in time"
    homeserver.close()
    assert caller.act() == Failed(Action.RESTART, 0.25)


def test_the_limit_is_warned_about_once(
    caller: Caller, homeserver: DelayingHomeserver, caplog: pytest.LogCaptureFixture
) -> None:
    homeserver.instead = lambda *_: error(429, "M_LIMIT_EXCEEDED", retry_after_ms=1)
    caller.act()
    caller.act()
    (warning,) = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert "rate_limited: false" in warning.getMessage()
    assert "modules.livekit.homeservers" in warning.getMessage()


def test_a_token_is_sent(build_worker: BuildWorker, homeserver: DelayingHomeserver) -> None:
    caller = Caller(build_worker(), "as-token")
    homeserver.schedule("syd_1")
    assert isinstance(caller.act(), Restarted)
    assert homeserver.tokens == ["Bearer as-token"]


def test_a_token_that_is_refused(
    build_worker: BuildWorker, homeserver: DelayingHomeserver, caplog: pytest.LogCaptureFixture
) -> None:
    caller = Caller(build_worker(), "stale-as-token")

    def instead(_delay_id: str, _action: str) -> Reply | None:
        return error(401, "M_UNKNOWN_TOKEN") if homeserver.tokens[-1] else None

    homeserver.instead = instead
    homeserver.schedule("syd_1")
    assert isinstance(caller.act(), Restarted)
    assert isinstance(caller.act(), Restarted)
    assert homeserver.tokens == ["Bearer stale-as-token", None, None]
    assert caplog.text.count("refuses the as_token") == 1
    assert "stale-as-token" not in caplog.text


def test_a_delay_id_is_in_no_log(
    caller: Caller, homeserver: DelayingHomeserver, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    for reply in (None, GONE, error(500, "M_UNKNOWN"), Reply(200, b"x" * 70_000), Reply(302)):
        homeserver.instead = lambda *_, reply=reply: reply
        caller.act("SeCrEt")
    homeserver.close()
    caller.act("SeCrEt")
    assert "SeCrEt" not in caplog.text
