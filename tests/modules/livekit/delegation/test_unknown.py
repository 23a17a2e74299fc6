"""What was written, and told as unknown: the worker whose it is finds it in the store."""

import pytest

from issuer.store import UnknownCommitError
from issuer.store.fast.commits import Commits, LostCommitError
from tests.faults.proxy import Fault, Proxy
from tests.modules.livekit.delegation.conftest import BuildWorker
from tests.modules.livekit.delegation.house import LIVEKIT_ROOM, Worker, wait_for_restart
from tests.postgresql import PostgreSQL
from tests.service import wait_for


@pytest.fixture
def worker(
    build_worker: BuildWorker, postgresql: PostgreSQL, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> Worker:
    """A worker that can ask nobody what became of a commit."""

    def refuse(_: Commits, lost: LostCommitError) -> bool:
        raise UnknownCommitError(str(lost))

    monkeypatch.setattr(Commits, "happened", refuse)
    return build_worker(proxy.url(postgresql.create_database())).start()


def test_a_job_is_run_whose_acceptance_was_unknown(worker: Worker, proxy: Proxy) -> None:
    worker.sfu.participants[LIVEKIT_ROOM, worker.identity("xyz")] = "PA_1"
    event = worker.homeserver.schedule("syd_1", 8.0)
    proxy.trap("INSERT INTO livekit_jobs", Fault.LOST)
    answer = worker.post("/delegate_delayed_leave", worker.body("xyz", "syd_1"))
    assert answer.status_code == 503
    wait_for_restart(event)
    assert worker.phases() == ["connected"]


def test_a_leave_is_sent_that_was_told_as_unknown(worker: Worker, proxy: Proxy) -> None:
    event = worker.delegate()
    worker.join()
    wait_for_restart(event)
    worker.sfu.participants.clear()
    proxy.trap("INSERT INTO livekit_webhooks", Fault.LOST)
    assert worker.hook("participant_left").status_code == 503
    assert worker.hook("participant_left").status_code == 200, "the SFU sends it again"
    wait_for(lambda: worker.jobs == [], "the end")
    assert event.sent_at


def test_what_the_worker_knows_is_left_alone(worker: Worker, caplog: pytest.LogCaptureFixture) -> None:
    events = [worker.delegate(member) for member in "abc"]
    for member in "abc":
        worker.join(member)
    for event in events:
        wait_for_restart(event)
    versions = worker.module.delegation.jobs.versions(worker.jobs[0].owner)
    assert sorted(version for _, version in versions) == [1, 1, 1]
    assert "are taken up" not in caplog.text
