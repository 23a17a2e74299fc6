"""Removes expired rows in the background, in small batches, so that no request waits for it.

Then the file gives space back that nobody needs, and the metrics learn how large the store is.
"""

import logging
import threading
from collections.abc import Callable

from issuer.store import Store

_log = logging.getLogger(__name__)

INTERVAL = 60.0
PAUSE = 0.1
BATCH = 200


class Housekeeper:
    """A thread that purges the store from time to time."""

    def __init__(self, store: Store, sized: Callable[[float], None] = lambda _: None) -> None:
        """Keep the store, and who hears how many bytes it has; nothing runs before `start`."""
        self._store = store
        self._sized = sized
        self._end = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin."""
        self._thread = threading.Thread(target=self._run, name="housekeeper", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End, after the batch in hand."""
        self._end.set()
        if self._thread:
            self._thread.join()

    def look_after(self) -> float:
        """Do one batch of the work; return for how many seconds there is nothing to do."""
        busy = self._store.purge(BATCH) >= BATCH or self._store.shrink(BATCH)
        self._sized(self._store.size())
        return PAUSE if busy else INTERVAL

    def _run(self) -> None:
        """Work from the beginning: else nobody knew for a minute how large the store is."""
        wait = 0.0
        while not self._end.wait(wait):
            try:
                wait = self.look_after()
            except Exception:
                _log.exception("expired rows could not be removed; trying again later")
                wait = INTERVAL
