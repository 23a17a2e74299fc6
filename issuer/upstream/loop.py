"""The asyncio loop of a process, in a thread of its own."""

import asyncio
import logging
import threading
from collections.abc import Coroutine
from concurrent.futures import CancelledError
from typing import Any, TypeVar

from issuer.upstream.errors import UnreachableError

T = TypeVar("T")

_log = logging.getLogger(__name__)


class LoopThread:
    """A loop that starts at its first use, so that it belongs to the process that uses it (after a fork)."""

    def __init__(self) -> None:
        """Start nothing."""
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def run(self, coroutine: Coroutine[Any, Any, T], seconds: float) -> T:
        """Run a coroutine on the loop; the calling thread waits.

        Raises:
            UnreachableError: when it takes longer than `seconds`; it is cancelled then.
        """
        future = asyncio.run_coroutine_threadsafe(coroutine, self.start())
        try:
            return future.result(seconds)
        except TimeoutError:
            if future.done():  # the coroutine's own timeout
                raise UnreachableError("the time was up") from None
            future.cancel()
            raise UnreachableError(f"no answer in {seconds:g} s") from None
        except CancelledError:
            raise UnreachableError("this process is ending") from None

    def start(self) -> asyncio.AbstractEventLoop:
        """Return the loop; the first call starts it."""
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._loop.set_exception_handler(_say_little)
                self._thread = threading.Thread(target=self._loop.run_forever, name="upstream", daemon=True)
                self._thread.start()
            return self._loop

    def stop(self) -> None:
        """Cancel what runs, and end the thread."""
        with self._lock:
            loop, thread = self._loop, self._thread
            self._loop = self._thread = None
        if loop and thread:
            asyncio.run_coroutine_threadsafe(_cancel_others(), loop).result()
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()


async def _cancel_others() -> None:
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _say_little(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Log an error of the loop without its objects, whose texts hold URLs with tokens."""
    _log.error("outgoing calls: %s: %s", context.get("message"), type(context.get("exception")).__name__)
