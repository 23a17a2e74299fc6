"""Whose turn it is to write to a SQLite file.

SQLite lets one connection write at a time, and lets the others sleep and try again, longer each time. So
writers queue before they come to it: the threads of a process on a lock, the processes on a lock of the
kernel on the directory, which wakes the next at once and is let go when a process dies. Whoever does not know
of the queue (the `sqlite3` shell) still meets SQLite's own lock.
"""

import fcntl
import os
import threading
from pathlib import Path

from issuer.store.errors import StoreError


class WriteLock:
    """A context in which nobody else that uses this class writes; not to be entered twice."""

    def __init__(self, directory: Path) -> None:
        """Name the directory; it is opened at the first turn."""
        self._directory = directory
        self._lock = threading.Lock()
        self._descriptor: int | None = None

    def __enter__(self) -> None:
        """Wait for the turn."""
        self._lock.acquire()
        try:
            if self._descriptor is None:
                self._descriptor = os.open(self._directory, os.O_RDONLY | os.O_DIRECTORY)
            fcntl.flock(self._descriptor, fcntl.LOCK_EX)
        except BaseException as error:
            self._lock.release()
            if isinstance(error, OSError):
                raise StoreError(f"the store's directory {self._directory}: {error.strerror}") from error
            raise

    def __exit__(self, *_: object) -> None:
        """Let the next one write."""
        if self._descriptor is not None:
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)
        self._lock.release()

    def close(self) -> None:
        """Give the directory back."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
