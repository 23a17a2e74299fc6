"""What one homeserver allows is shared."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import pytest

from issuer.world import SystemClock
from modules.livekit.delegation.gate import MOST_IN_FLIGHT, Gate


class Bucket:
    """A homeserver's limit: some at once, then so many per second."""

    def __init__(self, burst: int, per_second: float) -> None:
        self.level, self.burst, self.rate = float(burst), burst, per_second
        self.last = time.monotonic()
        self.refused = 0

    def allows(self) -> float:
        """Return 0.0, or the seconds until the next one."""
        now = time.monotonic()
        self.level = min(self.burst, self.level + (now - self.last) * self.rate)
        self.last = now
        if self.level >= 1:
            self.level -= 1
            return 0.0
        self.refused += 1
        return (1 - self.level) / self.rate


async def call(gate: Gate, deadline: float, answer: Callable[[], Awaitable[float]]) -> bool:
    entered = await gate.enter(deadline)
    try:
        wait = await answer()
        if wait:
            gate.limited(entered, wait)
        else:
            gate.succeeded()
        return not wait
    finally:
        gate.leave()


def test_it_is_open() -> None:
    async def run() -> int:
        gate, most, now = Gate(SystemClock()), 0, 0

        async def answer() -> float:
            nonlocal most, now
            now += 1
            most = max(most, now)
            await asyncio.sleep(0.01)
            now -= 1
            return 0.0

        assert all(await asyncio.gather(*(call(gate, 0.0, answer) for _ in range(100))))
        assert gate.is_idle
        return most

    assert asyncio.run(run()) == MOST_IN_FLIGHT


def test_the_nearest_deadline_goes_first() -> None:
    async def run() -> list[float]:
        gate, order = Gate(SystemClock()), []
        gate.limited(await gate.enter(0.0), 0.1)
        gate.leave()

        def answering(deadline: float) -> Callable[[], Awaitable[float]]:
            async def answer() -> float:
                order.append(deadline)
                return 0.0

            return answer

        deadlines = [5.0, 3.0, 9.0, 1.0, 7.0]
        await asyncio.gather(*(call(gate, deadline, answering(deadline)) for deadline in deadlines))
        return order

    assert asyncio.run(run()) == [1.0, 3.0, 5.0, 7.0, 9.0]


@pytest.mark.parametrize(("limited", "expected"), [(False, ["send", "restart"]), (True, ["restart", "send"])])
def test_sends_go_first_while_nothing_is_limited(limited: bool, expected: list[str]) -> None:
    async def run() -> list[str]:
        gate, order = Gate(SystemClock()), []
        entered = [await gate.enter(0.0) for _ in range(MOST_IN_FLIGHT)]

        async def one(name: str, deadline: float) -> None:
            await gate.enter(deadline, urgent=name == "send")
            order.append(name)
            gate.leave()

        waiting = asyncio.gather(one("restart", 2.0), one("send", 8.0))
        await asyncio.sleep(0)
        for at in entered:
            if limited:
                gate.limited(at, 0.05)
            gate.leave()
        await waiting
        return order

    assert asyncio.run(run()) == expected


def test_what_a_homeserver_allows_is_used_and_little_more() -> None:
    """50 a second after a burst of 5: most of it is used, and few calls are in vain."""

    async def run() -> tuple[int, int, float]:
        gate, bucket, done = Gate(SystemClock()), Bucket(5, 50), 0

        async def answer() -> float:
            return bucket.allows()

        async def one() -> None:
            nonlocal done
            while not await call(gate, 0.0, answer):
                pass
            done += 1

        began = time.monotonic()
        await asyncio.gather(*(one() for _ in range(60)))
        return done, bucket.refused, time.monotonic() - began

    done, refused, seconds = asyncio.run(run())
    assert done == 60
    assert refused < 60
    assert seconds < 10, "1.1 s if all of it were used"


def test_many_refusals_at_once_are_one() -> None:
    async def run() -> float:
        gate = Gate(SystemClock())
        entered = [await gate.enter(0.0) for _ in range(10)]
        for at in entered:
            gate.limited(at, 0.1)
            gate.leave()
        return gate._spacing

    assert asyncio.run(run()) == pytest.approx(0.1)


def test_who_gives_up_leaves_no_hole() -> None:
    async def run() -> bool:
        gate = Gate(SystemClock())
        for _ in range(MOST_IN_FLIGHT):
            await gate.enter(0.0)
        waiting = asyncio.create_task(gate.enter(0.0))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        for _ in range(MOST_IN_FLIGHT):
            gate.leave()
        return gate.is_idle

    assert asyncio.run(run())
