"""Bodies of a declared length: whatever happens to one, its request is answered once."""

import asyncio
from typing import Any

import pytest

from issuer.serving.request_bodies import ArrivalLoop, BodyArrival, BodyArrivals


class Promised:
    """A body as Granian promises it, and the request that it belongs to."""

    def __init__(self, arrivals: BodyArrivals, body: bytes) -> None:
        self.callback: BodyArrival | None = None
        self.cancelled = False
        self.told: list[bytes | int] = []
        self._body = body
        arrivals.expect(self, 4, self.told.append, self.told.append)

    def receive(self) -> "Promised":
        return self

    def send(self, message: dict[str, Any]) -> None:
        raise AssertionError(message)

    def add_done_callback(self, callback: BodyArrival) -> None:
        self.callback = callback

    def result(self) -> dict[str, Any]:
        part, self._body = self._body[:3], self._body[3:]
        if not part:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": part, "more_body": True}

    def cancel(self) -> bool:
        self.cancelled = True
        self.comes()  # as Granian's future does
        return True

    def comes(self) -> None:
        assert self.callback
        self.callback(self)


@pytest.fixture
def loop() -> Any:
    loop = ArrivalLoop()
    yield loop
    loop.close()


@pytest.mark.parametrize(("body", "told"), [(b"body", b"body"), (b"bod", 400), (b"", 400)])
def test_a_body_that_comes(loop: ArrivalLoop, body: bytes, told: bytes | int) -> None:
    arrivals = BodyArrivals(loop, 0.02)
    promised = Promised(arrivals, body)
    promised.comes()
    promised.comes()
    loop.run_until_complete(asyncio.sleep(0.1))
    promised.comes()
    assert promised.told == [told]
    assert not promised.cancelled


def test_a_body_that_does_not_come_or_comes_too_late(loop: ArrivalLoop) -> None:
    arrivals = BodyArrivals(loop, 0.02)
    promised = [Promised(arrivals, b"body") for _ in range(3)]

    async def until_told() -> None:
        while not all(each.told for each in promised):
            await asyncio.sleep(0.001)

    loop.run_until_complete(asyncio.wait_for(until_told(), 10))
    promised[0].comes()
    assert [(each.told, each.cancelled) for each in promised] == [([408], True)] * 3


def test_an_arrival_is_run_on_the_spot_and_everything_else_on_the_loop(loop: ArrivalLoop) -> None:
    promised = Promised(BodyArrivals(loop, 60), b"body")
    for _ in range(2):
        loop.call_soon_threadsafe(promised.callback, promised)  # type: ignore[arg-type]
    assert promised.told == [b"body"]
    loop.call_soon_threadsafe(promised.told.append, 1)
    assert promised.told == [b"body"]
    loop.run_until_complete(asyncio.sleep(0))
    assert promised.told == [b"body", 1]
