"""Child processes that report when they are ready, answer whether they get on, and die with their parent."""

import ctypes
import logging
import os
import signal
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection

_log = logging.getLogger(__name__)

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)
PR_SET_PDEATHSIG = 1

READY = ""
"""What a child reports when it is ready for work; a text is why it failed, None the answer to a question."""


class Parent:
    """The parent, as its child knows it."""

    def __init__(self, line: "Connection[str | None, None]") -> None:
        self._line = line

    def fileno(self) -> int:
        """Return the descriptor that can be read when the parent has asked."""
        return self._line.fileno()

    def ready(self) -> None:
        """Report that the child is ready for work: from now on it is asked whether it gets on."""
        self._line.send(READY)

    def failed(self, why: str) -> None:
        """Report why the child ends."""
        self._line.send(why)

    def answer(self) -> None:
        """Answer what the parent has asked, if anything."""
        while self._line.poll():
            self._line.recv()
            self._line.send(None)


class Child:
    """A forked process."""

    def __init__(self, name: str, run: Callable[[Parent], None]) -> None:
        """Fork; the child calls `run`, which tells the parent once it is ready, and answers it then.

        To be called from the main thread alone: the kernel kills the child when the thread that forked
        it ends.

        Raises:
            OSError: when the system refuses another process.
        """
        self.ready = False
        self.error = ""
        self.unanswered = 0
        _try_to_fork()
        self.reports, line = get_context("fork").Pipe()
        self.process = get_context("fork").Process(
            target=_main, args=(run, line, os.getpid()), name=name, daemon=True
        )
        signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
        try:
            self.process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)
            line.close()

    def ask(self) -> None:
        """Ask whether it gets on; `unanswered` counts the questions since its last answer."""
        self.unanswered += 1
        with suppress(OSError):  # it has just died
            self.reports.send(None)

    def listen(self) -> None:
        """Take what the child has reported."""
        try:
            while not self.reports.closed and self.reports.poll():
                self._take(self.reports.recv())
        except (EOFError, OSError):
            self.reports.close()

    def _take(self, report: str | None) -> None:
        self.unanswered = 0
        if report is not None:
            self.error = report
            self.ready = report == READY

    def ended(self) -> str:
        """Say how the process ended, or nothing while it lives."""
        code = self.process.exitcode
        if code is None:
            return ""
        how = f"was killed by signal {-code}" if code < 0 else f"ended with status {code}"
        return f"{self} {how}"

    def __str__(self) -> str:
        """Return its name and its number, for the log."""
        return f"{self.process.name} (process {self.process.pid})"

    def close(self) -> None:
        """Forget an ended process."""
        self.reports.close()
        self.process.close()


def _try_to_fork() -> None:
    """Fail if no process can be had: multiprocessing leaves pipes open then, at every attempt."""
    if not (process := os.fork()):
        os._exit(0)
    os.waitpid(process, 0)


def _main(run: Callable[[Parent], None], line: "Connection[str | None, None]", parent: int) -> None:
    _die_with(parent)
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)
    try:
        run(Parent(line))
    except Exception:
        Parent(line).failed(traceback.format_exc())
        sys.exit(1)


def _die_with(parent: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL):
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    if os.getppid() != parent:
        os._exit(1)
