"""A line of the log, and a counted ending, for jobs that end in other ways than by what happens to them."""

import logging
from collections.abc import Callable

import pytest

from issuer.observability.metrics import PrometheusMetrics
from tests.modules.livekit.delegation.conftest import BuildWorker
from tests.modules.livekit.delegation.house import Worker
from tests.modules.livekit.delegation.test_commands import run
from tests.service import wait_for


@pytest.fixture
def build(build_worker: BuildWorker, caplog: pytest.LogCaptureFixture) -> Callable[..., Worker]:
    """Builds workers with metrics."""
    caplog.set_level(logging.INFO)
    return lambda **changes: build_worker(metrics=PrometheusMetrics(), **changes)


def endings(worker: Worker, ending: str) -> float:
    metrics = worker.module.gateway.metrics
    assert isinstance(metrics, PrometheusMetrics)
    labels = {"instance": "livekit", "ending": ending}
    return metrics.registry.get_sample_value("issuer_livekit_jobs_ended_total", labels) or 0.0


def told(caplog: pytest.LogCaptureFixture, worker: Worker) -> list[tuple[str, str | None, str]]:
    """Return the transitions of the log: job, from and to."""
    steps = [record.msg for record in caplog.records if isinstance(record.msg, dict)]
    return [(step["job"], step["from"], step["to"]) for step in steps if step["event"] == "delegated_leave"]


def test_replaced_through_another_worker(
    build: Callable[..., Worker], caplog: pytest.LogCaptureFixture
) -> None:
    one, other = build().start(), build().start()
    one.delegate(delay_id="syd_old")
    (old,) = one.jobs
    other.delegate(delay_id="syd_new")
    running = one.module.delegation._running
    assert running
    wait_for(lambda: not running.is_busy(), "the worker knows")
    assert told(caplog, one).count((old.id, "waiting", "replaced")) == 1
    assert (endings(one, "replaced"), endings(other, "replaced")) == (0, 1)


def test_replaced_through_the_same_worker(
    build: Callable[..., Worker], caplog: pytest.LogCaptureFixture
) -> None:
    worker = build().start()
    worker.delegate(delay_id="syd_old")
    (old,) = worker.jobs
    worker.delegate(delay_id="syd_new")
    assert told(caplog, worker).count((old.id, "waiting", "replaced")) == 1
    assert endings(worker, "replaced") == 1


def test_cancelled(build: Callable[..., Worker], caplog: pytest.LogCaptureFixture) -> None:
    worker = build()
    worker.delegate()
    (job,) = worker.jobs
    assert run(worker, "cancel", job.id).exit_code == 0
    assert told(caplog, worker)[-1] == (job.id, "waiting", "dropped")
    assert endings(worker, "dropped") == 1


def test_unreadable(build: Callable[..., Worker], caplog: pytest.LogCaptureFixture) -> None:
    dead = build()
    dead.delegate()
    (job,) = dead.jobs
    worker = build(api_secret="another-secret-of-enough-characters").start()
    wait_for(lambda: endings(worker, "dropped") == 1, "the end")
    assert told(caplog, worker)[-1] == (job.id, "waiting", "dropped")
    assert "the API secret is another one" in caplog.text
    assert dead.jobs == []
