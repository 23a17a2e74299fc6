"""Keeps Redis as the store is, after the fact: nobody waits for Redis but who hands a job over.

What counts is the store. Who changes a job there names its pair; then a thread writes to Redis what the store
has of that pair, and looks again until both agree, so that the order of several workers does not matter.
"""

import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager

from issuer.errors import GatewayError
from modules.livekit.delegation.engine.watcher import text_of
from modules.livekit.delegation.jobs.job import Job, Pair
from modules.livekit.delegation.jobs.repository import Jobs, chunks
from modules.livekit.delegation.redis.layout import Mirror, Started

_log = logging.getLogger(__name__)

FAILS = (
    "jobs of delegated leave are kept in the store, and not copied to Redis: %s. They are copied when it is "
    "back; until then do not switch to lk-jwt-service"
)
PAUSE = 1.0
"""Seconds between two tries while Redis cannot be used."""


class Copier:
    """Copies the jobs of the store to a mirror."""

    def __init__(
        self,
        jobs: Jobs,
        mirror: Mirror,
        held: Callable[[], AbstractContextManager[None]],
        failures: Callable[[], None],
    ) -> None:
        """Copy nothing yet.

        Args:
            jobs: the store.
            mirror: what it is copied to.
            held: a request thread that waits for the mirror is held meanwhile.
            failures: counts what fails.
        """
        self._failures = failures
        self._jobs = jobs
        self._mirror = mirror
        self._held = held
        self._pairs: set[Pair] = set()
        self._lock = threading.Lock()
        self._news = threading.Event()
        self._end = threading.Event()
        self._fails = False
        self._thread: threading.Thread | None = None
        self.has_begun = threading.Event()
        """Set when it is known what the mirror had at the start."""

    def start(self, begin: Callable[[], None]) -> None:
        """Copy from now on; `begin` comes before that, and is tried until it does not fail."""
        if not self._mirror.is_on:
            self.has_begun.set()
            return
        name = "delegated-leave-copy"
        self._thread = threading.Thread(target=self._run, args=(begin,), name=name, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End, and copy what is left, if the mirror answers."""
        if self._thread:
            self._end.set()
            self._news.set()
            self._thread.join()
            if self.has_begun.is_set() and not self._fails:
                self._try(self._copy)
            self._thread = None

    def promise(self, job: Job) -> None:
        """Write a job that the store does not have yet; if that fails, it is copied later."""
        if not self._mirror.is_on or (self._fails and self._thread):
            return
        try:
            with self._held():
                self._mirror.write([self._started(job)])
        except GatewayError as error:
            self._failed(error)

    def touch(self, pairs: Iterable[Pair]) -> None:
        """Hear of pairs that were changed in the store, or that may be wrong in the mirror."""
        if not self._mirror.is_on:
            return
        with self._lock:
            self._pairs.update(pairs)
        self._news.set()
        if self._thread is None:  # a command: it waits
            self._try(self._read_and_copy)

    def _run(self, begin: Callable[[], None]) -> None:
        def first() -> None:
            begin()
            self.has_begun.set()

        while not (self.has_begun.is_set() or self._end.is_set()):
            self._try(first)
        while not self._end.is_set():
            self._news.wait()
            self._news.clear()
            self._try(self._copy)

    def _try(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as error:  # the thread lives on
            self._failed(error)
            self._news.set()
            self._end.wait(PAUSE if self._thread else 0)

    def _failed(self, error: Exception) -> None:
        level = logging.DEBUG if self._fails else logging.WARNING
        _log.log(level, FAILS, text_of(error))
        self._fails = True
        self._failures()

    def _read_and_copy(self) -> None:
        self._mirror.read()  # which learns how others spell
        self._copy()

    def _copy(self) -> None:
        with self._lock:
            pairs, self._pairs = self._pairs, set()
        try:
            if self._fails:  # it may have lost everything
                self._mirror.check()
                pairs |= {job.asked.pair for job in self._jobs.all()}
            again = {pair for chunk in chunks(sorted(pairs)) for pair in self._copied(chunk)}
        except BaseException:
            again = pairs
            raise
        finally:
            with self._lock:
                self._pairs |= again
        if again:
            self._news.set()
        if self._fails:
            _log.info("jobs of delegated leave are copied to Redis again")
        self._fails = False

    def _copied(self, pairs: Sequence[Pair]) -> set[Pair]:
        """Copy jobs; return the pairs that the store has changed meanwhile."""
        before = self._jobs.of(pairs)
        self._mirror.write([self._started(job) for job in before.values()])
        self._mirror.remove([pair for pair in pairs if pair not in before])
        after = self._jobs.of(pairs)
        return {pair for pair in pairs if self._is_changed(before.get(pair), after.get(pair))}

    def _started(self, job: Job) -> Started:
        return job.asked, self._jobs.restarted_at(job)

    def _is_changed(self, before: Job | None, after: Job | None) -> bool:
        if before is None or after is None:
            return before is not after
        return self._started(before) != self._started(after)
