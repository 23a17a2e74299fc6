"""Coroutines that other threads hand to a loop, and who hears how each of them ends."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, Generic, TypeVar

from issuer.upstream.errors import UnreachableError

T = TypeVar("T")

Done = Callable[[T | None, BaseException | None], None]
"""Hears, on the loop, what a coroutine returned, or what it raised instead. It must not wait for anything."""

_log = logging.getLogger(__name__)


class LoopCall(Generic[T]):
    """A coroutine on its way to the loop, or running there."""

    __slots__ = ("_coroutine", "_done", "_loop", "_task")

    def __init__(
        self, loop: asyncio.AbstractEventLoop, coroutine: Coroutine[Any, Any, T], done: Done[T]
    ) -> None:
        self._loop = loop
        self._coroutine = coroutine
        self._done = done
        self._task: asyncio.Task[T] | None = None

    def start(self) -> None:
        """Run it; to be called on the loop."""
        self._task = self._loop.create_task(self._coroutine)
        self._task.add_done_callback(self._ended)

    def cancel(self) -> None:
        """Cancel it soon; from any thread."""
        with suppress(RuntimeError):  # the loop has ended, and the coroutine with it
            self._loop.call_soon_threadsafe(lambda: self._task and self._task.cancel())

    def refuse(self) -> None:
        """Tell that there is no loop any more."""
        self._coroutine.close()
        self._tell(None, UnreachableError("this process is ending"))

    def _ended(self, task: asyncio.Task[T]) -> None:
        if task.cancelled():
            self._tell(None, UnreachableError("this process is ending"))
        elif error := task.exception():
            self._tell(None, error)
        else:
            self._tell(task.result(), None)

    def _tell(self, value: T | None, error: BaseException | None) -> None:
        try:
            self._done(value, error)
        except Exception:
            _log.exception("a call ended, and whoever waited for it failed")


class Inbox:
    """The jobs that wait for a loop. Those that come while it is busy wake it once, not once each."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._jobs: deque[LoopCall[Any]] = deque()
        self._called = False
        self._closed = False

    def put(self, job: LoopCall[Any]) -> None:
        """Hand in a job; from any thread."""
        self._jobs.append(job)
        try:
            if not self._called:
                self._called = True
                self._loop.call_soon_threadsafe(self._start)
        except RuntimeError:  # the loop was closed meanwhile
            self._closed = True
        if self._closed:
            self.close()

    def close(self) -> None:
        """Refuse what was not started, and all that comes; the loop must have ended."""
        self._closed = True
        while (job := self._next()) is not None:
            job.refuse()

    def _start(self) -> None:
        self._called = False  # before the jobs are looked at, so that none is missed
        while (job := self._next()) is not None:
            job.start()

    def _next(self) -> LoopCall[Any] | None:
        try:
            return self._jobs.popleft()
        except IndexError:
            return None
