"""`issuer jobs`: delegated leave events, and who is waited for."""

from collections.abc import Iterator
from datetime import UTC, datetime

import click

from issuer.app import parts
from modules.livekit.delegation.delegation import Delegation
from modules.livekit.delegation.jobs.job import Job

LEAST = 6
"""Characters of an id that name a job."""


def _instances() -> dict[str, Delegation]:
    found = {}
    for name, module in parts().modules.items():
        delegation = getattr(module, "delegation", None)
        if isinstance(delegation, Delegation):
            found[name] = delegation
    return found


def _all() -> Iterator[tuple[str, Delegation, Job]]:
    for name, delegation in _instances().items():
        for job in delegation.jobs.all():
            yield name, delegation, job


def _one(text: str) -> tuple[str, Delegation, Job]:
    found = [entry for entry in _all() if entry[2].id.startswith(text)] if len(text) >= LEAST else []
    if len(found) != 1:
        raise click.ClickException("there is no such job: see `issuer jobs list`")
    return found[0]


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")


@click.group()
def jobs() -> None:
    """List delegated leave events, look at one, and give one up."""


@jobs.command("list")
@click.option("--state", type=click.Choice(["waiting", "connected", "disconnected"]), help="Only these.")
def list_jobs(state: str | None) -> None:
    """List jobs: id, instance, state and since when (UTC), last restart, homeserver, room."""
    for name, _, job in _all():
        if state in {None, job.state.phase.value}:
            times = f"{_time(job.state.since)}  {_time(job.state.restarted_at)}"
            where = f"{job.asked.server_name}  {job.asked.room}"
            click.echo(f"{job.id}  {name:10} {job.state.phase.value:12} {times}  {where}")


@jobs.command()
@click.argument("job_id", metavar="ID")
def show(job_id: str) -> None:
    """Show the job with this ID (or its beginning)."""
    name, _, job = _one(job_id)
    rows = {
        "id": job.id,
        "instance": name,
        "state": job.state.phase.value,
        "since": _time(job.state.since),
        "room": job.asked.room,
        "identity": job.asked.identity,
        "homeserver": job.asked.server_name,
        "delay": f"{job.asked.timeout:g} s",
        "last restart": _time(job.state.restarted_at),
        "deadline": _time(job.state.deadline),
        "worker": job.owner,
    }
    for label, value in rows.items():
        click.echo(f"{label:13} {value}")


@jobs.command()
@click.argument("job_id", metavar="ID")
def cancel(job_id: str) -> None:
    """Give up the job with this ID: the homeserver sends its event at the deadline."""
    _, delegation, job = _one(job_id)
    if not delegation.cancel(job):
        raise click.ClickException("the job has just ended")
    click.echo(f"given up; the homeserver sends the event at {_time(job.state.deadline)}")
