"""Delegated leave as the rest of the module holds it."""

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from issuer.errors import GatewayError
from issuer.matrix import Homeservers
from issuer.module import Gateway
from issuer.store import StoreError
from issuer.upstream import Party, Upstream
from issuer.world import SteadyClock
from modules.livekit.delegation.calls import DelegationCalls
from modules.livekit.delegation.engine.machine import begin, dropped, step
from modules.livekit.delegation.engine.model import Action, Replaced, State
from modules.livekit.delegation.engine.runner import Runner
from modules.livekit.delegation.engine.watcher import Watcher
from modules.livekit.delegation.homeserver import DelayedEvents
from modules.livekit.delegation.jobs.job import DelegationRequest, Job, JobChange, Pair
from modules.livekit.delegation.jobs.keeper import Keeper
from modules.livekit.delegation.jobs.leases import Leases
from modules.livekit.delegation.jobs.repository import IsWanted, Jobs, always
from modules.livekit.delegation.jobs.sealing import DelayIdSealer
from modules.livekit.delegation.participants import Participants
from modules.livekit.delegation.redis import layout
from modules.livekit.delegation.redis.copier import Copier
from modules.livekit.delegation.redis.layout import Mirror, NoMirror, RedisMirror, Started
from modules.livekit.delegation.webhooks import RoomFinished, Webhook, receive
from modules.livekit.settings import LiveKitSettings

_log = logging.getLogger(__name__)

ID_BYTES = 8
ROUNDING = 0.01
"""Seconds by which the times of one restart may differ, in the store and in Redis."""
PATIENCE = 30.0
"""Seconds that opening and closing on the loop may take."""


class Delegation:
    """The jobs of one instance, in one process. Only workers `start` it and run jobs."""

    def __init__(
        self,
        settings: LiveKitSettings,
        gateway: Gateway,
        homeservers: Homeservers,
        room_finished: Callable[[str], None],
    ) -> None:
        """Run nothing yet; `room_finished` hears which rooms the SFU has ended."""
        self._room_finished = room_finished
        self._settings = settings
        self._gateway = gateway
        self._homeservers = homeservers
        self._owner = self._new_id()
        self._sealer = DelayIdSealer(settings.api_secret.get_secret_value(), gateway.randomness)
        self.mirror: Mirror = _mirror(settings)
        self._sanity = settings.sanity_check_interval or 0.0
        self._clock = SteadyClock(gateway.clock)
        self._leases = Leases(gateway.store.database, gateway.instance, self._clock)
        self.jobs = Jobs(self._leases, gateway.instance, self._sealer, self._touch, self._sanity)
        place = f"modules.{gateway.instance}.redis_url"
        self._watcher = Watcher(gateway.instance, gateway.metrics)
        self._copier = Copier(
            self.jobs,
            self.mirror,
            lambda: gateway.upstream.held(place, Party.OPERATOR),
            self._watcher.not_copied,
        )
        self._running: _Running | None = None
        self._in_order = threading.Lock()
        """Held from a commit until the runner is told: it hears of them in their order."""

    def accept(self, asked: DelegationRequest) -> None:
        """Take a job on; it is kept when this returns.

        Raises:
            issuer.errors.UnavailableError: it cannot be kept.
        """
        job, actions = self._new_job(asked)
        self._copier.promise(job)
        try:
            self._add(job, actions)
        except GatewayError:  # Redis may have it all the same
            self._copier.touch([asked.pair])
            raise

    def _add(self, job: Job, actions: Iterable[Action], is_wanted: IsWanted = always) -> None:
        replaced: Job | None = None

        def look(before: Job | None) -> bool:
            nonlocal replaced
            replaced = before
            return is_wanted(before)

        with self._in_order:
            if not self.jobs.add(job, look):
                return
            self._post(lambda runner: runner.take(job, actions))
        if replaced:
            ended, _ = step(replaced.state, Replaced(), self._clock.now())
            self._watcher.changed(replaced, replaced.state, ended)
        self._watcher.changed(job, None, job.state)

    def _post(self, work: Callable[[Runner], None]) -> None:
        if self._running:
            self._running.post(work)

    def _touch(self, pairs: Iterable[Pair]) -> None:
        self._copier.touch(pairs)

    def _new_job(
        self, asked: DelegationRequest, restarted_at: float | None = None
    ) -> tuple[Job, Iterable[Action]]:
        state, actions = begin(asked.timeout, self._clock.now(), self._sanity, restarted_at)
        return Job(self._new_id(), asked, state, self._owner), actions

    def hear(self, body: bytes, authorization: str) -> None:
        """Take a webhook of the SFU; what follows from it is kept when this returns.

        Raises:
            modules.livekit.delegation.webhooks.NotSignedError: the SFU did not sign it.
            issuer.errors.UnavailableError: it cannot be kept.
        """
        webhook = receive(self._settings, body, authorization)
        if isinstance(webhook, RoomFinished):
            self._room_finished(webhook.room)
        if not isinstance(webhook, Webhook):
            return
        actions: tuple[Action, ...] = ()

        def react(job: Job) -> State | None:
            nonlocal actions
            state, actions = step(job.state, webhook.event, self._clock.now())
            same = (state.phase, state.sid) == (job.state.phase, job.state.sid)
            return None if same else state

        seen = webhook.body_hash, webhook.expires_at
        with self._in_order:
            changed = self.jobs.react(webhook.pair, self._owner, seen, react)
            if changed:
                self._post(lambda runner: runner.react(*changed, webhook.event, actions))
        if changed:
            before, after = changed
            self._watcher.changed(after, before.state, after.state)

    def start(self) -> None:
        """Begin to run jobs, in a worker."""
        self._running = _Running(self._gateway.upstream, self._new_runner)
        keeper = Keeper(
            self._leases,
            self._owner,
            others=self._copier.has_begun,
            take_over=self._take_over,
            compare=self._compare,
            is_busy=self._running.is_busy,
        )
        self._running.start(keeper)
        self._copier.start(self._read_mirror)

    def stop(self) -> None:
        """End, and leave the jobs to others."""
        if self._running:
            self._running.stop()
            self._copier.stop()
            self._running = None

    def _take_over(self, limit: int) -> int:
        with self._in_order:
            jobs, unreadable = self.jobs.take_over(self._owner, limit)
            self._post(lambda runner: runner.take_over(jobs))
        for job in unreadable:
            self._given_up(job, "its delay id cannot be read: the API secret is another one")
        return len(jobs)

    def _compare(self) -> int:
        found = self.jobs.versions(self._owner)
        self._post(lambda runner: runner.compare(found))
        return len(found)

    def cancel(self, job: Job) -> bool:
        """Give up a job, whoever runs it; tell whether it was there."""
        done = self.jobs.remove(job)
        if done:
            self._given_up(job, "an operator gave it up")
        return done

    def _given_up(self, job: Job, why: str) -> None:
        self._watcher.changed(job, job.state, dropped(job.state, why, self._clock.now()))

    def _new_runner(self, store: ThreadPoolExecutor) -> Runner:
        gateway, settings = self._gateway, self._settings
        tokens = {entry.name: entry.as_token.get_secret_value() for entry in settings.homeservers}
        events = DelayedEvents(
            gateway.upstream, self._homeservers, self._clock, self._luck, tokens, gateway.instance
        )
        participants = Participants(settings, gateway.upstream, self._luck)
        calls = DelegationCalls(events, participants)
        return Runner(self.jobs, self._owner, self._clock, calls, store, self._watcher)

    def _read_mirror(self) -> None:
        """Go on with jobs that are in Redis alone: another program's, or of a store that was lost."""
        dead = frozenset(self._leases.dead(self._owner))
        known = {job.asked.pair: job for job in self.jobs.all()}
        drift = self._clock.drift()
        ours = [(asked, restarted_at - drift) for asked, restarted_at in self.mirror.read()]
        read = sorted(ours, key=lambda started: started[1])
        found = {started[0].pair: started for started in read}  # the newest, if one is spelled in two ways
        for pair, started in found.items():
            is_wanted = partial(_is_newer, started, dead)
            if is_wanted(known.get(pair)):
                self._try_import(started, is_wanted)
        if found:  # else it has lost them
            self._drop(job for pair, job in known.items() if pair not in found and job.owner in dead)

    def _try_import(self, started: Started, is_wanted: IsWanted) -> None:
        try:
            self._import(started, is_wanted)
        except StoreError:  # nothing can be kept now
            raise
        except Exception as error:  # the others must go on
            _log.error("a job in Redis is left alone: %s", type(error).__name__)

    def _import(self, started: Started, is_wanted: IsWanted) -> None:
        asked, restarted_at = started
        if restarted_at + asked.timeout <= self._clock.now():
            self._copier.touch([asked.pair])  # which is removed, unless somebody has brought another job
            return
        self._add(*self._new_job(asked, restarted_at), is_wanted)

    def _drop(self, jobs: Iterable[Job]) -> None:
        """Forget jobs that another program has ended, unless they have changed meanwhile."""
        for job in jobs:
            why = "another program ended it"
            ended = dropped(job.state, why, self._clock.now())
            if not self.jobs.settle([JobChange(job, ended)], [], (), self._owner):
                self._given_up(job, why)

    def _new_id(self) -> str:
        return self._gateway.randomness.bytes(ID_BYTES).hex()

    def _luck(self) -> float:
        return int.from_bytes(self._gateway.randomness.bytes(4), "big") / 2**32


class _Running:
    """The runner on the loop, with its keeper and the thread in which it asks the store."""

    def __init__(self, upstream: Upstream, new_runner: Callable[[ThreadPoolExecutor], Runner]) -> None:
        self._upstream = upstream
        self._store = ThreadPoolExecutor(1, "delegated-leave-store")
        self._new_runner = new_runner

    def start(self, keeper: Keeper) -> None:
        self._keeper = keeper
        self._upstream.call(self._open(), PATIENCE)
        keeper.start()

    async def _open(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._runner = self._new_runner(self._store)
        self._task = self._loop.create_task(self._runner.run())

    def is_busy(self) -> bool:
        return len(self._runner) > 0

    def post(self, work: Callable[[Runner], None]) -> None:
        """Have the runner do something, soon, on the loop."""
        with contextlib.suppress(RuntimeError):  # the loop has ended: others take the job over
            self._loop.call_soon_threadsafe(work, self._runner)

    def stop(self) -> None:
        self._upstream.call(self._close(), PATIENCE)
        self._keeper.stop()
        self._store.shutdown()

    async def _close(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


def _is_newer(started: Started, dead: frozenset[str], job: Job | None) -> bool:
    """Tell whether what Redis has is newer than ours: another job, or one that another program ran since."""
    if job is None:
        return True
    asked, restarted_at = started
    is_other = job.asked.delay_id != asked.delay_id
    return restarted_at > job.state.restarted_at + ROUNDING and (is_other or job.owner in dead)


def _mirror(settings: LiveKitSettings) -> Mirror:
    if settings.redis_url is None:
        return NoMirror()
    return RedisMirror(layout.connect(settings.redis_url.get_secret_value()))
