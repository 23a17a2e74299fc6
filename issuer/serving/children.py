"""Child processes that report when they are ready, and that die with their parent."""

import ctypes
import logging
import os
import signal
import sys
import traceback
from collections.abc import Callable
from multiprocessing import get_context
from multiprocessing.connection import Connection

_log = logging.getLogger(__name__)

Ready = Callable[[], None]
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)
PR_SET_PDEATHSIG = 1


class Child:
    """A forked process."""

    def __init__(self, name: str, run: Callable[[Ready], None]) -> None:
        """Fork; the child calls `run`, which calls its argument once it is ready for work.

        To be called from the main thread alone: the kernel kills the child when the thread that forked
        it ends.
        """
        self.ready = False
        self.error = ""
        self.reports, send = get_context("fork").Pipe(duplex=False)
        self.process = get_context("fork").Process(
            target=_main, args=(run, send, os.getpid()), name=name, daemon=True
        )
        signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
        try:
            self.process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)
        send.close()

    def listen(self) -> None:
        """Take what the child has reported."""
        try:
            while not self.reports.closed and self.reports.poll():
                self.error = self.reports.recv()
                self.ready = not self.error
        except EOFError:
            self.reports.close()

    def ended(self) -> str:
        """Say how the process ended, or nothing while it lives."""
        code = self.process.exitcode
        if code is None:
            return ""
        how = f"was killed by signal {-code}" if code < 0 else f"ended with status {code}"
        return f"{self.process.name} (process {self.process.pid}) {how}"

    def close(self) -> None:
        """Forget an ended process."""
        self.reports.close()
        self.process.close()


def _main(run: Callable[[Ready], None], reports: Connection, parent: int) -> None:
    _die_with(parent)
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)
    try:
        run(lambda: reports.send(""))
    except Exception:
        reports.send(traceback.format_exc())
        sys.exit(1)


def _die_with(parent: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL):
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    if os.getppid() != parent:
        os._exit(1)
