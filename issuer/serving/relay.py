"""What request threads do, and which of them: whoever has the baton takes the next job.

Python runs one thread at a time. When many threads want to, each pays for changing places at every call that
lets the others go first, as those to SQLite do: a login costs half as much again. So one thread answers
request after request, and the others sleep. A thread that is about to wait hands the baton on
(`issuer.waits`). When one keeps it without saying so, a timer gives another thread a new baton: the old one
counts no more, and whoever has it goes to sleep after the job in hand.
"""

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue

Job = Callable[[], "Job | None"]
"""Something to do; it may return what is to be done once when no other job waits."""

LOOK_EVERY = 0.005
"""Seconds between two looks whether the thread with the baton gets on."""
MOST_BEFORE = 32
"""Requests that are answered before a job that has time until none waits."""


class Relay:
    """The jobs of a worker's request threads."""

    def __init__(self, loop: asyncio.AbstractEventLoop, threads: int) -> None:
        """Begin without jobs, for so many threads; the timer runs on `loop`."""
        self._loop = loop
        self._threads = threads
        self._lock = threading.Lock()
        self._jobs: deque[Job] = deque()
        self._last: dict[Job, None] = {}
        self._before_last = 0
        self._asleep: list[SimpleQueue[int]] = []
        self._baton = 0
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

    def put_last(self, job: Job, baton: int) -> None:
        """Add a job that is done once, when no other waits; `baton` is the last one of this thread."""
        with self._lock:
            if not self._last:
                self._before_last = 0
            self._last[job] = None
            self._wake(watch=self._is_held and baton != self._baton)

    def wait(self) -> int:
        """Sleep until this thread has the baton; return its number. Who fell asleep last is woken first."""
        bed: SimpleQueue[int] = SimpleQueue()
        with self._lock:
            self._asleep.append(bed)
            self._wake()
        return bed.get()

    def take(self, baton: int) -> Job | None:
        """Return the next job; None, when this baton counts no more, or there is nothing to do."""
        with self._lock:
            if baton != self._baton:
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

    def hand_on(self, baton: int) -> None:
        """Let another thread go on; does nothing when that was done already."""
        with self._lock:
            if baton == self._baton:
                self._is_held = False
                self._wake()

    def _wake(self, *, watch: bool = False) -> None:
        """Give the baton to a thread that sleeps, when nobody has it and there is something to do."""
        if self._asleep and not self._is_held and (self._jobs or self._last):
            self._is_held = True
            self._baton += 1
            self._asleep.pop().put(self._baton)
        if watch and not self._watched:
            self._watched = True
            with suppress(RuntimeError):  # the loop has ended, and so has the server
                self._loop.call_soon_threadsafe(self._watch)

    def _watch(self) -> None:
        self._loop.call_later(LOOK_EVERY, self._look)

    def _look(self) -> None:
        with self._lock:
            if self._taken == self._seen:
                self._is_held = False
                self._wake()
            self._seen = self._taken
            go_on = self._watched = bool(self._jobs or self._last)
        if go_on:
            self._watch()
