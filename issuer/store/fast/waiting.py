"""What happens to those who wait for the database for too long, and to those who come after them.

Nothing here is entered while the database answers.
"""

import fcntl
import logging
import os
import threading
from collections.abc import Callable

from issuer.store.errors import StoreError

_log = logging.getLogger(__name__)

PAUSE = 0.2
"""Seconds between two attempts of the probe."""


def _started(thread: threading.Thread) -> bool:
    """Start a thread; tell whether the system let us."""
    try:
        thread.start()
    except RuntimeError as error:
        _log.error("no thread for %s: %s (a limit of processes: TasksMax, pids_limit)", thread.name, error)
        return False
    return True


class Breaker:
    """Spares everybody the wait for a database that did not answer in time: a probe waits for all."""

    def __init__(self, probe: Callable[[], object]) -> None:
        """Use a probe, which returns when the database answers, and raises `StoreError` until then."""
        self._probe = probe
        self._lock = threading.Lock()
        self._end = threading.Event()
        self._thread: threading.Thread | None = None
        self.why = ""
        """Why nobody is to wait now; empty while the database answers."""

    def check(self) -> None:
        """Raise `StoreError` when nobody is to wait; the probe may."""
        if self.why and threading.current_thread() is not self._thread:
            raise StoreError(f"nobody waits for the database until it answers: {self.why}")

    def trip(self, why: str) -> None:
        """Hear that somebody has waited in vain; from now on nobody waits, until the probe returns."""
        with self._lock:
            if self.why or self._end.is_set():
                return
            self.why = why
            self._thread = threading.Thread(target=self._try, name="store-probe", daemon=True)
            if not _started(self._thread):
                self.why = ""
                return
        _log.error("The database is tried again until it answers, and nobody waits meanwhile: %s", why)

    def _try(self) -> None:
        while not self._end.is_set():
            try:
                self._probe()
            except StoreError as error:
                _log.debug("the database does not answer yet: %s", error)
            except Exception:
                _log.exception("the database cannot be tried")
            else:
                break
            self._end.wait(PAUSE)
        self.why = ""
        _log.warning("The database answers again.")

    def close(self) -> None:
        """Try no longer."""
        self._end.set()


class LateLock:
    """Waits for flock(2) with a deadline, which the kernel does not offer: a thread waits that can be left.

    For one caller at a time. What comes when nobody wants it any more is given back.
    """

    def __init__(self, descriptor: int) -> None:
        """Lock the open file of a descriptor."""
        self._descriptor = os.dup(descriptor)
        self._changed = threading.Condition()
        self._is_asked = self._is_wanted = self._has_come = self._is_closed = False

    @property
    def is_asked(self) -> bool:
        """Tell whether a thread waits still, for this caller or for one that left."""
        return self._is_asked

    def take(self, seconds: float | None) -> bool:
        """Wait so long, or without end; tell whether the lock has come."""
        with self._changed:
            if not self._is_asked:
                self._is_asked = True
                if not _started(threading.Thread(target=self._wait, name="store-turn", daemon=True)):
                    self._is_asked = False
                    return False
            self._is_wanted = True
            self._changed.wait_for(lambda: self._has_come or not self._is_asked, seconds)
            self._is_wanted = False
            came, self._has_come = self._has_come, False
            self._is_asked = self._is_asked and not came
            if came and self._is_closed:
                os.close(self._descriptor)  # which gives the lock back
                came = False
        return came

    def close(self) -> None:
        """Give the file back, when nobody waits any more."""
        with self._changed:
            self._is_closed = True
            if not self._is_asked:
                os.close(self._descriptor)

    def _wait(self) -> None:
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX)
        except OSError as error:
            _log.error("the turn to write cannot be waited for: %s", error.strerror)
            came = False
        else:
            came = True
        with self._changed:
            if came and self._is_wanted:
                self._has_come = True
            else:
                if came:
                    fcntl.flock(self._descriptor, fcntl.LOCK_UN)
                self._is_asked = False
                if self._is_closed:
                    os.close(self._descriptor)
            self._changed.notify()
