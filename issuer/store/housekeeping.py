"""Removes expired rows in the background, in small batches, so that no request waits for it."""

import logging
import threading

from issuer.store import Store

_log = logging.getLogger(__name__)

INTERVAL = 60.0
PAUSE = 0.1
BATCH = 200


class Housekeeper:
    """A thread that purges the store from time to time."""

    def __init__(self, store: Store) -> None:
        """Keep the store; nothing runs before `start`."""
        self._store = store
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

    def _run(self) -> None:
        wait = INTERVAL
        while not self._end.wait(wait):
            try:
                wait = PAUSE if self._store.purge(BATCH) >= BATCH else INTERVAL
            except Exception:
                _log.exception("expired rows could not be removed; trying again later")
                wait = INTERVAL
