"""The asyncio loop of a process, in a thread of its own."""

import asyncio
import logging
import threading
from collections.abc import Coroutine
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from issuer.runtime import about_to_block
from issuer.upstream.errors import UnreachableError
from issuer.upstream.jobs import Done, Inbox, LoopCall

T = TypeVar("T")

_log = logging.getLogger(__name__)


class LoopThread:
    """A loop that starts at its first use, so that it belongs to the process that uses it (after a fork)."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: _Running | None = None

    def run(self, coroutine: Coroutine[Any, Any, T], seconds: float | None) -> T:
        """Run a coroutine on the loop; the calling thread waits.

        Raises:
            UnreachableError: when it takes longer than `seconds`; it is cancelled then. None is for one that
                ends by itself.
        """
        outcome: SimpleQueue[tuple[T, BaseException | None]] = SimpleQueue()
        job = self.begin(coroutine, lambda *ended: outcome.put(ended))
        about_to_block()
        try:
            value, error = outcome.get(timeout=seconds)
        except Empty:
            job.cancel()
            raise UnreachableError(f"no answer in {seconds:g} s") from None
        if error is None:
            return value
        try:
            raise UnreachableError("the time was up") if isinstance(error, TimeoutError) else error
        finally:
            del error  # which holds this frame

    def begin(self, coroutine: Coroutine[Any, Any, T], done: Done[T]) -> LoopCall[T]:
        """Run a coroutine on the loop, and return at once; `done` hears there how it ends."""
        running = self._running or self._start()
        job = LoopCall(running.loop, coroutine, done)
        running.inbox.put(job)
        return job

    def _start(self) -> "_Running":
        with self._lock:
            if self._running is None:
                self._running = _Running()
            return self._running

    def stop(self) -> None:
        """Cancel what runs, and end the thread. A later use starts another."""
        with self._lock:
            running, self._running = self._running, None
        if running:
            running.stop()


class _Running:
    """A loop, its thread, and the jobs that wait for it."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.loop.set_exception_handler(_say_little)
        self.inbox = Inbox(self.loop)
        self._thread = threading.Thread(target=self.loop.run_forever, name="upstream", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        asyncio.run_coroutine_threadsafe(_cancel_others(), self.loop).result()
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.inbox.close()
        self.loop.close()


async def _cancel_others() -> None:
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _say_little(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Log an error of the loop without its objects, whose texts hold URLs with tokens."""
    _log.error("outgoing calls: %s: %s", context.get("message"), type(context.get("exception")).__name__)
