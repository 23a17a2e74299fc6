"""A thread that keeps a worker's lease, takes over the jobs of workers that died, and looks after its own.

What was committed and told as unknown is in the store, and nobody knows of it: so the worker is told again
and again which jobs the store says are its own.
"""

import logging
import threading
from collections.abc import Callable

from issuer.errors import GatewayError
from modules.livekit.delegation.jobs.leases import Leases

_log = logging.getLogger(__name__)

BEAT = 0.2
"""Seconds between two signs of life, and between two looks for the dead."""
BATCH = 500
LOOK_EVERY = 2
"""Beats between two looks for jobs of our own; more for each further `BATCH` that there are."""
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
        compare: Callable[[], int],
        is_busy: Callable[[], bool],
    ) -> None:
        """Do nothing yet.

        Args:
            leases: the leases.
            owner: this worker.
            others: is set when it is known which jobs other programs had; a takeover does not wait long.
            take_over: takes jobs of the dead over, at most so many; returns how many.
            compare: compares the jobs that the store says are ours with those that we run; returns how many.
            is_busy: tells whether this worker has jobs, and so needs its lease.
        """
        self._leases = leases
        self._owner = owner
        self._others = others
        self._take_over = take_over
        self._compare = compare
        self._beats_to_look = 0
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
        self._look()
        while self._leases.dead(self._owner) and not self._end.is_set():
            taken = self._take_over(BATCH)
            if taken:
                _log.info("%d jobs of a worker that ended are taken over", taken)
            if taken < BATCH:
                return

    def _look(self) -> None:
        self._beats_to_look -= 1
        if self._beats_to_look <= 0:
            self._beats_to_look = LOOK_EVERY * (1 + self._compare() // BATCH)
