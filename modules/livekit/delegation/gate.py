"""What one homeserver allows: all our calls to it go through one gate, those nearest their deadline first.

The gate is wide open until the homeserver says 429, and then sends go before restarts. After that, calls are
spaced: as far apart as it asked for, a little closer with each success, further apart with each 429; and a
send has to wait for restarts that are nearer their deadline. Lives on the loop.
"""

import asyncio
import heapq
import itertools

from issuer.world import Clock

MOST_IN_FLIGHT = 100
"""Calls to one homeserver at the same time."""
LEAST_SPACING = 0.005
MEMORY = 30.0
"""Seconds after the last 429 when the gate stands open again."""
MOST_SPACING = 2.0
"""More would let events fire that a slower pace could keep."""
LONGEST_PAUSE = 60.0
CLOSER = 0.95
FURTHER = 1.5
UNTOLD = 1.0
"""Seconds to wait after a 429 that does not say how long."""

Turn = tuple[float, int, asyncio.Future[float]]
"""The deadline of a call, a number that nobody else has, and what it waits for."""


class Gate:
    """The gate before one homeserver."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._waiting: list[Turn] = []
        self._urgent: list[Turn] = []
        self._numbers = itertools.count()
        self._in_flight = 0
        self._spacing = 0.0
        self._next = 0.0
        self._limited_at = float("-inf")
        self._timer: asyncio.TimerHandle | None = None

    async def enter(self, deadline: float, *, urgent: bool = False) -> float:
        """Wait for the turn of a call; return the time at which it begins, for `limited`."""
        turn: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        queue = self._urgent if urgent else self._waiting
        heapq.heappush(queue, (deadline, next(self._numbers), turn))
        self._open()
        try:
            return await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.leave()
            raise

    def leave(self) -> None:
        """End a call, after what it taught was told."""
        self._in_flight -= 1
        self._open()

    @property
    def is_idle(self) -> bool:
        """Tell whether nothing is known of the homeserver, and nobody waits."""
        return not (self._waiting or self._urgent or self._in_flight or self._spacing or self._next)

    def limited(self, began: float, retry_after: float | None) -> None:
        """Hear of a 429 for a call that began at a time."""
        now = self._clock.monotonic()
        wait = min(UNTOLD if retry_after is None else retry_after, LONGEST_PAUSE)
        self._next = max(self._next, now + wait)
        if began > self._limited_at:  # others that were under way say nothing new
            self._spacing = min(max(wait, self._spacing * FURTHER), MOST_SPACING)
            self._limited_at = now

    def succeeded(self) -> None:
        """Hear that a call was allowed."""
        if self._clock.monotonic() - self._limited_at > MEMORY:
            self._spacing = 0.0
        elif self._spacing:
            self._spacing = max(self._spacing * CLOSER, LEAST_SPACING)

    def _open(self) -> None:
        now = self._clock.monotonic()
        while (self._waiting or self._urgent) and self._in_flight < MOST_IN_FLIGHT:
            if now < self._next:
                self._later(self._next - now)
                return
            _, _, turn = heapq.heappop(self._queue())
            if not turn.done():
                self._in_flight += 1
                self._next = now + self._spacing if self._spacing else 0.0
                turn.set_result(now)

    def _queue(self) -> list[Turn]:
        """Return the queue whose first one is next."""
        if not (self._waiting and self._urgent):
            return self._waiting or self._urgent
        sends_first = not self._spacing or self._urgent[0] < self._waiting[0]
        return self._urgent if sends_first else self._waiting

    def _later(self, seconds: float) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(seconds, self._wake)

    def _wake(self) -> None:
        self._timer = None
        self._open()
