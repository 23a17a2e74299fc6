"""Leader and followers: which of a worker's request threads takes the next job.

Python runs one thread at a time. When many threads want to, each pays for changing places at every call that
lets the others go first, as those to SQLite do: a login costs half as much again. So one thread, the leader,
answers request after request, and the followers sleep. A leader that is about to block promotes a follower
(`issuer.runtime.about_to_block`). When one blocks without saying so, a watchdog begins a new term with
another leader: the old term counts no more, and whoever led it goes to sleep after the job in hand.
"""

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue

Job = Callable[[], "Job | None"]
"""Something to do; it may return what is to be done once when no other job waits."""

WATCHDOG_SECONDS = 0.005
"""Seconds between two looks whether the thread that leads gets on."""
MOST_BEFORE = 32
"""Requests that are answered before a job that has time until none waits."""


class LeaderFollowers:
    """The jobs of a worker's request threads."""

    def __init__(self, loop: asyncio.AbstractEventLoop, threads: int) -> None:
        """Begin without jobs, for so many threads; the watchdog runs on `loop`."""
        self._loop = loop
        self._threads = threads
        self._lock = threading.Lock()
        self._jobs: deque[Job] = deque()
        self._last: dict[Job, None] = {}
        self._before_last = 0
        self._asleep: list[SimpleQueue[int]] = []
        self._spare: SimpleQueue[Job] | None = None
        self._term = 0
        self._is_held = False
        self._taken = self._seen = 0
        self._watched = False

    def __len__(self) -> int:
        """Return how many jobs wait, without those that come last."""
        return len(self._jobs)

    def put(self, job: Job) -> None:
        """Add a job; from any thread."""
        with self._lock:
            self._jobs.append(job)
            self._wake(watch=self._is_held)

    def put_last(self, job: Job, term: int) -> None:
        """Add a job that is done once, when no other waits; `term` is the last that this thread led."""
        with self._lock:
            if not self._last:
                self._before_last = 0
            self._last[job] = None
            self._wake(watch=self._is_held and term != self._term)

    def wait(self) -> int:
        """Sleep until this thread leads; return its term's number. Who fell asleep last is woken first."""
        bed: SimpleQueue[int] = SimpleQueue()
        with self._lock:
            self._asleep.append(bed)
            self._wake()
        return bed.get()

    def wait_for_last(self) -> Job:
        """Sleep until a job that comes last waits for a thread that blocks, and no other is there; return it.

        For a thread beside the others, where one is all there are.
        """
        bed: SimpleQueue[Job] = SimpleQueue()
        with self._lock:
            self._spare = bed
            self._wake()
        return bed.get()

    def take(self, term: int) -> Job | None:
        """Return the next job; None, when this term counts no more, or there is nothing to do."""
        with self._lock:
            if term != self._term:
                return None
            self._taken += 1
            job = self._next()
            self._is_held = job is not None
            self._wake(watch=bool(self._jobs or self._last))
            return job

    def _next(self) -> Job | None:
        all_are_busy = self._threads > 1 and not self._asleep
        if self._last and (not self._jobs or all_are_busy or self._before_last >= MOST_BEFORE):
            return self._last.popitem()[0]
        self._before_last += 1
        return self._jobs.popleft() if self._jobs else None

    def promote(self, term: int) -> None:
        """Let a follower lead; does nothing when that was done already."""
        with self._lock:
            if term == self._term:
                self._is_held = False
                self._wake()

    def _wake(self, *, watch: bool = False) -> None:
        """Begin a term with a follower, when nobody leads and there is something to do."""
        if self._asleep and not self._is_held and (self._jobs or self._last):
            self._is_held = True
            self._term += 1
            self._asleep.pop().put(self._term)
        elif self._spare and self._last and not (self._asleep or self._is_held):
            self._spare.put(self._last.popitem()[0])
            self._spare = None
        if watch and not self._watched:
            self._watched = True
            with suppress(RuntimeError):  # the loop has ended, and so has the server
                self._loop.call_soon_threadsafe(self._watch)

    def _watch(self) -> None:
        self._loop.call_later(WATCHDOG_SECONDS, self._look)

    def _look(self) -> None:
        with self._lock:
            if self._taken == self._seen:
                self._is_held = False
                self._wake()
            self._seen = self._taken
            go_on = self._watched = bool(self._jobs or self._last)
        if go_on:
            self._watch()
