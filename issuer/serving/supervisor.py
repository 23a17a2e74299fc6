"""Keeps processes running: replaces the dead, stops them all together."""

import logging
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import wait
from types import FrameType
from typing import Any

from issuer.serving.children import STOP_SIGNALS, Child, Ready
from issuer.serving.options import StartError
from issuer.world import Clock

_log = logging.getLogger(__name__)

STEADY = 5.0
"""Seconds after which a process counts as having worked."""
LONGEST_PAUSE = 2.0
"""Seconds between two attempts to replace a process that ends again and again."""


@dataclass(frozen=True, slots=True)
class Role:
    """Something that one process does for as long as the server runs."""

    name: str
    run: Callable[[Ready], None]
    buried: Callable[[int], None] = lambda _pid: None
    """Called with the process id of each one that died."""


class Post:
    """The place of one process: it is filled again whenever it becomes empty."""

    def __init__(self, role: Role, clock: Clock) -> None:
        self._role = role
        self._clock = clock
        self._deaths = 0
        self.fill()

    def fill(self) -> None:
        """Start a process."""
        self.due: float | None = None
        self._since = self._clock.monotonic()
        self.child = Child(self._role.name, self._role.run)

    def vacate(self) -> None:
        """Bury the dead process and decide when the next one starts."""
        now = self._clock.monotonic()
        self._deaths = self._deaths + 1 if now - self._since < STEADY else 0
        pause = min(0.1 * 2**self._deaths, LONGEST_PAUSE) if self._deaths > 1 else 0.0
        self.due = now + pause
        self._role.buried(self.child.process.pid or 0)
        self.child.close()


class Supervisor:
    """Runs one process for each role until SIGTERM or SIGINT."""

    def __init__(self, roles: list[Role], clock: Clock, stop_seconds: float) -> None:
        self._roles = roles
        self._clock = clock
        self._stop_seconds = stop_seconds
        self._posts: list[Post] = []
        self._stopping = False
        self._wake, self._alarm = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def run(self, on_ready: Callable[[], None], on_stop: Callable[[], None]) -> None:
        """Start everything, call `on_ready`, replace the dead; at the stop signal `on_stop`, then end all.

        Raises:
            StartError: when a process ends before all were ready for the first time.
        """
        before = {number: signal.signal(number, self._on_signal) for number in STOP_SIGNALS}
        signal.set_wakeup_fd(self._alarm, warn_on_full_buffer=False)
        try:
            self._posts = [Post(role, self._clock) for role in self._roles]
            self._start()
            if not self._stopping:
                on_ready()
            while not self._stopping:
                self._watch()
        finally:
            on_stop()
            self._end()
            signal.set_wakeup_fd(-1)
            for number, handler in before.items():
                signal.signal(number, handler)
            os.close(self._wake)
            os.close(self._alarm)

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._stopping = True

    def _start(self) -> None:
        while not self._stopping and not all(post.child.ready for post in self._posts):
            self._sleep()
            for child in [post.child for post in self._posts]:
                if ended := child.ended():
                    raise StartError(f"{ended} while it started\n{child.error}".rstrip())

    def _watch(self) -> None:
        self._sleep()
        for post in self._posts:
            if post.due is None and (ended := post.child.ended()):
                _log.error("%s", f"{ended} and is replaced\n{post.child.error}".rstrip())
                post.vacate()
            if post.due is not None and post.due <= self._clock.monotonic():
                post.fill()

    def _sleep(self) -> None:
        """Wait until something happens: a report, a death, a signal, or the time to fill a post."""
        filled = [post.child for post in self._posts if post.due is None]
        events: list[Any] = [self._wake, *(child.process.sentinel for child in filled)]
        events += [child.reports for child in filled if not child.reports.closed]
        dues = [post.due - self._clock.monotonic() for post in self._posts if post.due is not None]
        if self._wake in wait(events, max(0.0, min(dues)) if dues else None):
            os.read(self._wake, 4096)
        for child in filled:
            child.listen()

    def _end(self) -> None:
        living = [post.child.process for post in self._posts if post.due is None]
        for process in living:
            process.terminate()
        deadline = self._clock.monotonic() + self._stop_seconds
        for process in living:
            process.join(max(0.0, deadline - self._clock.monotonic()))
            if process.is_alive():
                _log.warning("%s did not finish in time and is killed", process.name)
                process.kill()
                process.join()
