"""`issuer jobs`."""

from click.testing import CliRunner, Result

from modules.livekit.delegation.commands import jobs
from tests.modules.livekit.delegation.conftest import BuildWorker
from tests.modules.livekit.delegation.house import Worker


def run(worker: Worker, *arguments: str) -> Result:
    with worker.app.app_context():
        return CliRunner().invoke(jobs, arguments)


def test_jobs(build_worker: BuildWorker) -> None:
    worker = build_worker()
    for member in ("a", "b"):
        worker.delegate(member, delay_id=f"syd_SeCrEt_{member}")
    worker.hook("participant_joined", "a")
    by_identity = {job.asked.identity: job for job in worker.jobs}
    one = by_identity[worker.identity("a")]
    listed = run(worker, "list")
    assert len(listed.output.splitlines()) == 2
    assert all(f"{job.id}  livekit " in listed.output for job in worker.jobs)
    only = run(worker, "list", "--state", "connected")
    assert [line.split()[0] for line in only.output.splitlines()] == [one.id]
    shown = run(worker, "show", one.id[:8])
    assert (shown.exit_code, "SeCrEt" in shown.output + listed.output) == (0, False)
    assert f"identity      {worker.identity('a')}\n" in shown.output
    assert "delay         8 s\n" in shown.output
    cancelled = run(worker, "cancel", one.id)
    assert cancelled.exit_code == 0
    assert "the homeserver sends the event at" in cancelled.output
    assert [job.asked.identity for job in worker.jobs] == [worker.identity("b")]


def test_a_job_that_is_not_there(build_worker: BuildWorker) -> None:
    worker = build_worker()
    worker.delegate()
    (job,) = worker.jobs
    for text in ("ffffffffffffffff", "", job.id[:5]):
        for command in ("show", "cancel"):
            result = run(worker, command, text)
            assert result.exit_code == 1
            assert "there is no such job" in result.output
    assert len(worker.jobs) == 1
