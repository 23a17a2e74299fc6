"""Keeps processes running: replaces the dead and those that do not answer, stops them all together."""

import logging
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import wait
from types import FrameType
from typing import Any

from issuer.serving.children import STOP_SIGNALS, Child, Parent
from issuer.serving.options import StartError
from issuer.world import Clock

_log = logging.getLogger(__name__)

STEADY = 5.0
"""Seconds after which a process counts as having worked."""
LONGEST_PAUSE = 2.0
"""Seconds between two attempts to replace a process that ends again and again."""
QUESTIONS = 4
"""Questions in a row without an answer after which a process is replaced. They are counted, and not seconds:
after a stop of the whole group (Ctrl-Z) nobody is late."""
REFUSED = (
    "the system refuses a new process: {}. Raise the limit of processes (TasksMax= and LimitNPROC= of a"
    " systemd unit, pids_limit of a container), of open files, or of memory"
)


@dataclass(frozen=True, slots=True)
class Role:
    """Something that one process does for as long as the server runs."""

    name: str
    run: Callable[[Parent], None]
    buried: Callable[[int], None] = lambda _pid: None
    """Called with the process id of each one that died."""


class Post:
    """The place of one process: it is filled again whenever it becomes empty."""

    def __init__(self, role: Role, clock: Clock) -> None:
        self.role = role
        self.child: Child | None = None
        self.due = 0.0
        self._clock = clock
        self._since = 0.0
        self._deaths = 0

    def fill(self) -> None:
        """Start a process.

        Raises:
            StartError: when the system refuses one; the next attempt is due some seconds later.
        """
        self._since = self._clock.monotonic()
        self.due = self._since + LONGEST_PAUSE
        try:
            self.child = Child(self.role.name, self.role.run)
        except OSError as error:
            raise StartError(f"{self.role.name}: {REFUSED.format(error.strerror)}") from None

    def vacate(self) -> None:
        """Bury the dead process and decide when the next one starts."""
        now = self._clock.monotonic()
        self._deaths = self._deaths + 1 if now - self._since < STEADY else 0
        pause = min(0.1 * 2**self._deaths, LONGEST_PAUSE) if self._deaths > 1 else 0.0
        self.due = now + pause
        if self.child:
            self.role.buried(self.child.process.pid or 0)
            self.child.close()
        self.child = None


class Supervisor:
    """Runs one process for each role until SIGTERM or SIGINT."""

    def __init__(self, roles: list[Role], clock: Clock, stop_seconds: float, answer_seconds: float) -> None:
        """Prepare; nothing starts yet. A process that is silent for `answer_seconds` is replaced."""
        self._clock = clock
        self._stop_seconds = stop_seconds
        self._answer_seconds = answer_seconds
        self._posts = [Post(role, clock) for role in roles]
        self._ask_at = 0.0
        self._stopping = False
        self._wake, self._alarm = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def run(self, on_ready: Callable[[], None], on_stop: Callable[[], None]) -> None:
        """Start everything, call `on_ready`, replace the dead; at the stop signal `on_stop`, then end all.

        Raises:
            StartError: when a process ends before all were ready for the first time, or the system
                refuses one.
        """
        before = {number: signal.signal(number, self._on_signal) for number in STOP_SIGNALS}
        signal.set_wakeup_fd(self._alarm, warn_on_full_buffer=False)
        try:
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

    def _children(self) -> list[Child]:
        return [post.child for post in self._posts if post.child]

    def _start(self) -> None:
        for post in self._posts:
            post.fill()
        while not self._stopping and not all(child.ready for child in self._children()):
            self._sleep(None)
            for child in self._children():
                if ended := child.ended():
                    raise StartError(f"{ended} while it started\n{child.error}".rstrip())

    def _watch(self) -> None:
        dues = [self._ask_at, *(post.due for post in self._posts if not post.child)]
        self._sleep(min(dues))
        asks = self._ask_at <= self._clock.monotonic()
        if asks:
            self._ask_at = self._clock.monotonic() + self._answer_seconds / QUESTIONS
        for post in self._posts:
            if post.child:
                self._look_at(post, post.child, asks=asks)
            if not post.child and post.due <= self._clock.monotonic():
                self._refill(post)

    def _look_at(self, post: Post, child: Child, *, asks: bool) -> None:
        if asks and child.unanswered >= QUESTIONS:
            # at once: the engine of one whose interpreter hangs still takes connections from its successor
            _log.error("%s has not answered for %g s and is killed", child, self._answer_seconds)
            child.process.kill()
            child.process.join()
        if ended := child.ended():
            _log.error("%s", f"{ended} and is replaced\n{child.error}".rstrip())
            post.vacate()
        elif asks and child.ready:
            child.ask()

    def _refill(self, post: Post) -> None:
        try:
            post.fill()
        except StartError as error:
            _log.error("%s", error)

    def _sleep(self, due: float | None) -> None:
        """Wait until something happens: a report, a death, a signal, or it is `due`."""
        children = self._children()
        events: list[Any] = [self._wake, *(child.process.sentinel for child in children)]
        events += [child.reports for child in children if not child.reports.closed]
        if self._wake in wait(events, None if due is None else max(0.0, due - self._clock.monotonic())):
            os.read(self._wake, 4096)
        for child in children:
            child.listen()

    def _end(self) -> None:
        living = [child.process for child in self._children()]
        for process in living:
            process.terminate()
        deadline = self._clock.monotonic() + self._stop_seconds
        for process in living:
            process.join(max(0.0, deadline - self._clock.monotonic()))
            if process.is_alive():
                _log.warning("%s did not finish in time and is killed", process.name)
                process.kill()
                process.join()
