"""A thread that keeps a worker's lease, and takes over the jobs of workers that died."""

import logging
import threading
from collections.abc import Callable

from issuer.errors import GatewayError
from modules.livekit.delegation.jobs.leases import Leases

_log = logging.getLogger(__name__)

BEAT = 0.2
"""Seconds between two signs of life, and between two looks for the dead."""
BATCH = 500
GRACE = 0.5
"""Seconds for which the first takeover waits to hear what Redis has."""


class Keeper:
    """Beats a few times within each lease, whatever the loop is busy with."""

    def __init__(
        self,
        leases: Leases,
        owner: str,
        others: threading.Event,
        take_over: Callable[[int], int],
        is_busy: Callable[[], bool],
    ) -> None:
        """Do nothing yet.

        Args:
            leases: the leases.
            owner: this worker.
            others: is set when it is known which jobs other programs had; a takeover does not wait long.
            take_over: takes jobs of the dead over, at most so many; returns how many.
            is_busy: tells whether this worker has jobs, and so needs its lease.
        """
        self._leases = leases
        self._owner = owner
        self._others = others
        self._take_over = take_over
        self._is_busy = is_busy
        self._fails = False
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name="delegated-leave", daemon=True)

    def start(self) -> None:
        """Begin to beat."""
        self._thread.start()

    def stop(self) -> None:
        """End, and let others take over at once."""
        self._end.set()
        self._thread.join()
        try:
            self._leases.release(self._owner)
        except GatewayError as error:
            _log.warning("the lease could not be given back: %s", error)

    def _run(self) -> None:
        self._others.wait(GRACE)
        while not self._end.is_set():
            try:
                self._beat()
                self._fails = False
            except GatewayError as error:
                if not self._fails:
                    _log.error("delegated leave: %s", error)
                self._fails = True
            except Exception:
                _log.exception("delegated leave: a beat failed")
            self._end.wait(BEAT)

    def _beat(self) -> None:
        if self._is_busy():
            self._leases.renew(self._owner)
        while self._leases.dead(self._owner) and not self._end.is_set():
            taken = self._take_over(BATCH)
            if taken:
                _log.info("%d jobs of a worker that ended are taken over", taken)
            if taken < BATCH:
                return
