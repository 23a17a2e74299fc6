"""What nobody expected to go wrong: nothing that happened is forgotten, and no job hangs."""

import logging
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from modules.livekit.delegation.engine.machine import step
from modules.livekit.delegation.engine.model import Event, Restarted, State, Tick
from modules.livekit.delegation.homeserver import DelayedEvents
from modules.livekit.delegation.jobs.repository import Jobs
from modules.livekit.delegation.participants import Participants
from tests.modules.livekit.delegation.house import LIVEKIT_ROOM, Worker, wait_for_restart
from tests.service import wait_for

SECRET = "syd_SeCrEt"


class Once:
    """A method that fails at its first call, with a text that no log may have."""

    def __init__(self, work: Callable[..., Any]) -> None:
        self._work = work
        self.calls = 0

    def __get__(self, owner: object, _: type) -> Callable[..., Any]:
        return partial(self._call, owner)

    def _call(self, *arguments: Any) -> Any:
        self.calls += 1
        if self.calls == 1:
            raise RuntimeError(SECRET)
        return self._work(*arguments)


def once(monkeypatch: pytest.MonkeyPatch, owner: type, name: str) -> Once:
    failing = Once(getattr(owner, name))
    monkeypatch.setattr(owner, name, failing)
    return failing


@pytest.mark.parametrize(
    ("owner", "name"), [(Jobs, "settle"), (DelayedEvents, "act"), (Participants, "look")], ids=str
)
def test_a_call_fails(
    worker: Worker, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, owner: type, name: str
) -> None:
    """A lookup that fails is made again; a restart that fails too; and a change is written after all."""
    caplog.set_level(logging.DEBUG)
    failing = once(monkeypatch, owner, name)
    event = worker.delegate(delay_id=SECRET)
    if name == "act":
        worker.join()
    worker.sfu.participants[LIVEKIT_ROOM, worker.identity("xyz")] = "PA_1"
    wait_for_restart(event)
    assert failing.calls >= 2
    assert "RuntimeError" in caplog.text
    assert "SeCrEt" not in caplog.text
    worker.leave()
    wait_for(lambda: event.sent_at is not None, "the send")


def test_a_send_fails(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    event = worker.delegate()
    worker.join()
    wait_for_restart(event)
    failing = once(monkeypatch, DelayedEvents, "act")
    worker.leave()
    wait_for(lambda: event.sent_at is not None, "the send")
    assert failing.calls == 2


@pytest.mark.parametrize("which", [Tick, Restarted])
def test_a_step_fails(worker: Worker, monkeypatch: pytest.MonkeyPatch, which: type) -> None:
    """Neither the timer of a job nor an answer is forgotten; other jobs are not concerned."""
    failed: list[Event] = []

    def fail(state: State, happened: Event, now: float) -> Any:
        if isinstance(happened, which) and not failed:
            failed.append(happened)
            raise RuntimeError(SECRET)
        return step(state, happened, now)

    monkeypatch.setattr("modules.livekit.delegation.engine.runner.step", fail)
    events = [worker.delegate(name, delay=4.0) for name in ("one", "other")]
    for member in ("one", "other"):
        worker.join(member)
    wait_for(lambda: bool(failed), "a failure")
    for event in events:
        wait_for_restart(event, 2)
        assert not event.has_fired


def test_a_look_at_jobs_that_wait_fails(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is made again: somebody else may have such a job by now."""
    event = worker.delegate()
    worker.join()
    wait_for_restart(event)
    running = worker.module.delegation._running
    assert running
    failing = once(monkeypatch, Jobs, "settle")
    running.post(lambda runner: runner._calls.waiting.add("somebody's"))
    wait_for(lambda: failing.calls >= 3, "another look")
