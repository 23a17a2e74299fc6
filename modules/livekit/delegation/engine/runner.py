"""Runs the jobs of one worker: timers, calls, and what comes of them. Lives on the loop.

What happens to jobs is gathered, and settled with the store in rounds: in each, due timers and answers are
stepped through the machine, the changes are written in one transaction, which also tells which jobs are not
ours any more, and then the actions of the others begin.
"""

import asyncio
import heapq
import logging
from collections.abc import Callable, Iterable
from concurrent.futures import Executor
from dataclasses import replace
from typing import Any, TypeVar

from issuer.world import SteadyClock
from modules.livekit.delegation.calls import DelegationCalls
from modules.livekit.delegation.engine.machine import step
from modules.livekit.delegation.engine.model import Action, Event, Phase, Resumed, Tick
from modules.livekit.delegation.engine.watcher import Watcher, text_of
from modules.livekit.delegation.engine.work import OwnJob, Work
from modules.livekit.delegation.jobs.job import Job, JobChange, Pair
from modules.livekit.delegation.jobs.repository import Jobs

T = TypeVar("T")

_log = logging.getLogger(__name__)

LONGEST_SLEEP = 60.0
AFTER_FAILURE = 0.5
"""Seconds until a round is tried again when the store fails."""
GATHER = 0.05
"""Seconds between two rounds, in which answers gather."""
UNCERTAIN = 0.25
"""Seconds between two looks at jobs whose calls wait for their turn: they may be somebody else's by now."""


class Runner:
    """The jobs of one worker."""

    def __init__(
        self,
        jobs: Jobs,
        owner: str,
        clock: SteadyClock,
        calls: DelegationCalls,
        store: Executor,
        watcher: Watcher,
    ) -> None:
        """Run nothing yet; what is asked of the store is asked in the threads of `store`."""
        self._jobs = jobs
        self._owner = owner
        self._clock = clock
        self._calls = calls
        self._store = store
        self._watcher = watcher
        self._entries: dict[str, OwnJob] = {}
        self._ids: dict[Pair, str] = {}
        self._due: list[tuple[float, str]] = []
        self._news: list[tuple[str, Event]] = []
        self._wake = asyncio.Event()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._unknown: set[tuple[str, int]] = set()
        """Jobs that the store said were ours, at the last look, and that we did not know in that version."""

    def __len__(self) -> int:
        """Return how many jobs are ours."""
        return len(self._entries)

    def take(self, job: Job, actions: Iterable[Action] = ()) -> None:
        """Run a new job, or one that has just changed in the store, and begin its actions."""
        if self._knows(job):
            return
        before = self._ids.get(job.asked.pair)
        if before is not None and before != job.id:
            self._forget(before)
        if job.state.phase is Phase.ENDED:
            self._forget(job.id)
            return
        entry = self._enter(job)
        for action in actions:
            self._begin(entry, action)

    def take_over(self, jobs: Iterable[Job]) -> None:
        """Go on with jobs that somebody else ran."""
        for job in jobs:
            if not self._knows(job):
                self.take(job)
                self._hear(job.id, Resumed())

    def react(self, before: Job, after: Job, event: Event, actions: Iterable[Action]) -> None:
        """Go on with a job that a webhook has changed in the store, by an event."""
        entry = self._entries.get(after.id)
        if self._knows(after):
            return
        if entry is not None and entry.job.version == before.version:
            state, actions = step(entry.state, event, self._clock.now())
            self.take(replace(after, state=state), actions)
        elif after.state.phase is not before.state.phase:
            self.take(after, actions)
        else:
            self.take_over([after])

    def compare(self, found: Iterable[tuple[str, int]]) -> None:
        """Go on with jobs that are ours in the store, by id and version, and that nobody told us of.

        What is written and told at this moment is known at the next look.
        """
        unknown = {(job_id, version) for job_id, version in found if not self._has(job_id, version)}
        forgotten, self._unknown = self._unknown & unknown, unknown
        if forgotten:
            _log.warning("%d jobs are ours in the store, and are taken up", len(forgotten))
            self._begun(asyncio.get_running_loop().create_task(self._take_up(forgotten)))

    async def _take_up(self, forgotten: Iterable[tuple[str, int]]) -> None:
        for job_id, _ in forgotten:
            try:
                job = await self._in_store(self._jobs.get, job_id)
            except Exception as error:  # the next look finds them again
                _log.error("a job of ours cannot be read: %s", text_of(error))
                return
            if job is not None and job.owner == self._owner:
                self.take_over([job])

    def _has(self, job_id: str, version: int) -> bool:
        entry = self._entries.get(job_id)
        return entry is not None and entry.job.version >= version

    def _knows(self, job: Job) -> bool:
        """Tell whether what we have is as new, or newer."""
        return self._has(job.id, job.version)

    async def run(self) -> None:
        """Run until cancelled."""
        self._begun(asyncio.get_running_loop().create_task(self._doubt()))
        try:
            while True:
                try:
                    await self._sleep()
                    await self._round()
                except Exception as error:  # the jobs must go on
                    _log.error("a round of delegated leave failed: %s", text_of(error))
                await asyncio.sleep(GATHER)
        finally:
            for task in self._tasks:
                task.cancel()

    async def _sleep(self) -> None:
        while self._due and not self._is_due(*self._due[0]):
            heapq.heappop(self._due)  # a time that was set anew
        seconds = self._due[0][0] - self._clock.now() if self._due else LONGEST_SLEEP
        if seconds > 0 and not self._news:
            self._wake.clear()
            try:
                async with asyncio.timeout(min(seconds, LONGEST_SLEEP)):
                    await self._wake.wait()
            except TimeoutError:
                pass

    def _is_due(self, at: float, job_id: str) -> bool:
        entry = self._entries.get(job_id)
        return entry is not None and entry.state.wakes_at == at

    async def _round(self) -> None:
        now = self._clock.now()
        news, self._news = self._news, []
        while self._due and self._due[0][0] <= now:
            at, job_id = heapq.heappop(self._due)
            if self._is_due(at, job_id):
                news.append((job_id, Tick()))
        round_ = self._stepped(news, now)
        try:
            lost = await self._settled(round_)
        except Exception as error:  # whatever it is: what happened must not be forgotten
            _log.error("jobs of delegated leave cannot be written: %s", text_of(error))
            self._carry_on(round_)
            await asyncio.sleep(AFTER_FAILURE)
            return
        for job_id, work in round_.items():
            self._finish(job_id, work, is_lost=job_id in lost)
        await self._look_after(lost)

    def _carry_on(self, round_: dict[str, Work]) -> None:
        """Without the store, keep events alive, and let changes wait."""
        for job_id, work in round_.items():
            self._finish(job_id, work, is_lost=work.is_change)

    def _stepped(self, news: Iterable[tuple[str, Event]], now: float) -> dict[str, Work]:
        found: dict[str, Work] = {}
        for job_id, event in news:
            entry = self._entries.get(job_id)
            if entry is not None:
                work = found.setdefault(job_id, Work(entry, entry.state, [], []))
                try:
                    work.state, actions = step(work.state, event, now)
                except Exception as error:  # that of one job
                    _log.error(
                        "a job of delegated leave took no %s: %s", type(event).__name__, text_of(error)
                    )
                    self._again(entry, [event])
                    continue
                work.events.append(event)
                work.actions += actions
        return found

    async def _settled(self, round_: dict[str, Work]) -> set[str]:
        changes = [JobChange(work.entry.job, work.state) for work in round_.values() if work.is_change]
        restarts = [replace(work.entry.job, state=work.state) for work in round_.values() if work.is_restart]
        written = {change.job.id for change in changes} | {job.id for job in restarts}
        held = {
            job_id
            for job_id, work in round_.items()
            if job_id not in written and any(action is not Action.LOOK for action in work.actions)
        }
        if not (written or held):
            return set()
        return await self._in_store(self._jobs.settle, changes, restarts, held, self._owner)

    async def _in_store(self, ask: Callable[..., T], *arguments: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._store, ask, *arguments)

    def _finish(self, job_id: str, work: Work, *, is_lost: bool) -> None:
        """Believe what was written, and begin the actions."""
        entry = self._entries.get(job_id)
        if entry is None:
            return
        if is_lost or entry is not work.entry:  # or a webhook has changed it meanwhile
            self._again(entry, work.events)
            return
        job = replace(entry.job, version=entry.job.version + 1) if work.is_change else entry.job
        if work.is_change:
            self._watcher.changed(job, entry.state, work.state)
        if work.state.phase is Phase.ENDED:
            self._forget(job_id)
            return
        entry = self._enter(replace(job, state=work.state))
        for action in work.actions:
            self._begin(entry, action)

    def _again(self, entry: OwnJob, events: Iterable[Event]) -> None:
        """Let the next round see to what happened; a timer comes back by itself."""
        self._news += [(entry.job.id, event) for event in events if not isinstance(event, Tick)]
        self._schedule(entry)

    async def _look_after(self, lost: Iterable[str]) -> None:
        """Read jobs again that are not as we thought: gone, somebody else's, or changed by a webhook."""
        for job_id in lost:
            entry = self._entries.get(job_id)
            job = await self._in_store(self._jobs.get, job_id)
            if entry is None or self._entries.get(job_id) is not entry:
                continue
            if job is None:
                _log.info("job %s is not in the store any more: another process has ended it", job_id)
            if job is None or job.owner != self._owner:
                self._forget(job_id)
            else:
                self.take_over([job])

    def _enter(self, job: Job) -> OwnJob:
        entry = OwnJob(job, job.state)
        before = self._entries.get(job.id)
        self._entries[job.id] = entry
        self._ids[job.asked.pair] = job.id
        self._watcher.moved(before.state.phase if before else None, job.state.phase)
        self._schedule(entry)
        return entry

    def _schedule(self, entry: OwnJob) -> None:
        at = entry.state.wakes_at
        if at != float("inf"):
            heapq.heappush(self._due, (at, entry.job.id))
            if self._due[0] == (at, entry.job.id):
                self._wake.set()

    def _forget(self, job_id: str) -> None:
        entry = self._entries.pop(job_id, None)
        if entry:
            self._watcher.moved(entry.state.phase, None)
            if self._ids.get(entry.job.asked.pair) == job_id:
                del self._ids[entry.job.asked.pair]

    def _begin(self, entry: OwnJob, action: Action) -> None:
        work = self._look(entry) if action is Action.LOOK else self._act(entry, action)
        self._begun(asyncio.get_running_loop().create_task(work))

    def _begun(self, task: asyncio.Task[Any]) -> None:
        """Keep a task until it is done."""
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _look(self, entry: OwnJob) -> None:
        job = entry.job
        self._hear(job.id, await self._calls.look(job.asked, entry.state.look))

    async def _act(self, entry: OwnJob, action: Action) -> None:
        job, state = entry.job, entry.state

        def is_ours() -> bool:
            current = self._entries.get(job.id)
            return current is not None and current.state.phase is state.phase

        event = await self._calls.act(action, job.id, job.asked, state, is_ours)
        if event is not None:
            self._watcher.answered(action, event, state, self._clock.now())
            self._hear(job.id, event)

    async def _doubt(self) -> None:
        """Look after jobs whose calls wait for their turn, so long that others may have taken them."""
        while True:
            await asyncio.sleep(UNCERTAIN)
            waiting = set(self._calls.waiting)
            try:
                lost = (
                    await self._in_store(self._jobs.settle, [], [], waiting, self._owner) if waiting else ()
                )
                await self._look_after(lost)
            except Exception as error:  # nobody else can take them either
                _log.debug("jobs of delegated leave cannot be read: %s", text_of(error))

    def _hear(self, job_id: str, event: Event) -> None:
        self._news.append((job_id, event))
        self._wake.set()
