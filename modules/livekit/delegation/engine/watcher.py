"""What is told of jobs: a line of the log for every transition, and metrics. Never a delay id."""

import logging

from issuer.errors import GatewayError
from issuer.observability.metrics import Metrics
from modules.livekit.delegation.engine.machine import restart_due
from modules.livekit.delegation.engine.model import Action, Event, Failed, Gone, Phase, State
from modules.livekit.delegation.jobs.job import Job

_log = logging.getLogger(__name__)

LATENESS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
"""Upper bounds of what is counted together, in seconds."""


class Watcher:
    """Tells of the jobs of one instance."""

    def __init__(self, instance: str, metrics: Metrics) -> None:
        self._instance = instance
        labels = ["instance"]
        self._jobs = metrics.gauge("issuer_livekit_jobs", "Jobs of delegated leave", [*labels, "state"])
        self._calls = metrics.counter(
            "issuer_livekit_calls", "Restarts and sends of delayed events", [*labels, "action", "outcome"]
        )
        self._lateness = metrics.histogram(
            "issuer_livekit_restart_lateness_seconds", "How late restarts succeed", labels, LATENESS
        )
        self._endings = metrics.counter(
            "issuer_livekit_jobs_ended", "Jobs of delegated leave that ended", [*labels, "ending"]
        )

        self._copies = metrics.counter(
            "issuer_livekit_redis_failures", "Failures to copy jobs of delegated leave to Redis", labels
        )

    def not_copied(self) -> None:
        """Hear that Redis could not be used."""
        self._copies.count(self._instance)

    def changed(self, job: Job, before: State | None, after: State) -> None:
        """Hear of a transition."""
        if before is not None and before.phase is after.phase:
            return
        _log.info(
            {
                "event": "delegated_leave",
                "instance": self._instance,
                "job": job.id,
                "room": job.asked.room,
                "identity": job.asked.identity,
                "server_name": job.asked.server_name,
                "from": before.phase.value if before else None,
                "to": after.ending.value if after.ending else after.phase.value,
                "why": after.why,
            }
        )
        if after.ending:
            self._endings.count(self._instance, after.ending.value)

    def moved(self, before: Phase | None, after: Phase | None) -> None:
        """Hear that a job of this worker came, went, or changed its phase."""
        for phase, by in ((before, -1.0), (after, 1.0)):
            if phase is not None and before is not after:
                self._jobs.change(by, self._instance, phase.value)

    def answered(self, action: Action, event: Event, state: State, now: float) -> None:
        """Hear what a homeserver answered to a call for a job in a state."""
        outcome = _outcome(event)
        self._calls.count(self._instance, action.value, outcome)
        if action is Action.RESTART and outcome == "ok":
            self._lateness.observe(max(0.0, now - restart_due(state)), self._instance)


def _outcome(event: Event) -> str:
    match event:
        case Failed(status=0):
            return "no answer"
        case Failed(status=403 | 429 as status):
            return str(status)
        case Failed(status=status):
            return f"{status // 100}xx"
        case Gone():
            return "gone"
        case _:
            return "ok"


def text_of(error: Exception) -> str:
    """Return what the log may say of an error: the message of ours, and of others the type alone."""
    return str(error) if isinstance(error, GatewayError) else type(error).__name__
