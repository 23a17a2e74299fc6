"""Coroutines that are handed to the loop: each ends once, and whoever asked hears of it once."""

import asyncio
import threading
from collections import Counter
from queue import SimpleQueue

import pytest

from issuer.upstream import UnreachableError, jobs
from issuer.upstream.loop import LoopThread
from tests.upstream.fixtures import BuildUpstream

Heard = SimpleQueue[tuple[int | None, BaseException | None]]


async def same(number: int) -> int:
    await asyncio.sleep(0)
    return number


async def bad() -> int:
    raise KeyError("bad")


def test_how_a_coroutine_ends_is_heard(build_upstream: BuildUpstream) -> None:
    upstream, heard = build_upstream(), Heard()
    upstream.begin(same(5), lambda *ended: heard.put(ended))
    assert heard.get(timeout=10) == (5, None)
    upstream.begin(bad(), lambda *ended: heard.put(ended))
    assert isinstance(heard.get(timeout=10)[1], KeyError)


def test_whoever_fails_when_it_hears_disturbs_nobody(
    build_upstream: BuildUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    upstream, heard = build_upstream(), Heard()
    told: SimpleQueue[str] = SimpleQueue()
    monkeypatch.setattr(jobs._log, "exception", told.put)

    def fail(*_: object) -> None:
        raise RuntimeError("the listener")

    upstream.begin(same(1), fail)
    upstream.begin(same(2), lambda *ended: heard.put(ended))
    assert heard.get(timeout=10) == (2, None)
    assert "whoever waited for it failed" in told.get(timeout=10)


def test_many_threads_hand_in_and_each_job_ends_once_while_the_loop_is_stopped_again_and_again() -> None:
    loop, heard, begun = LoopThread(), Heard(), threading.Semaphore(0)

    def hand_in(first: int) -> None:
        for number in range(first, first + 200):
            loop.begin(same(number), lambda *ended, number=number: heard.put((number, ended[1])))
            begun.release()

    threads = [threading.Thread(target=hand_in, args=(first,)) for first in range(0, 1600, 200)]
    for thread in threads:
        thread.start()
    for _ in range(15):
        for _ in range(100):
            begun.acquire()
        loop.stop()
    for thread in threads:
        thread.join()
    loop.stop()
    ended = [heard.get(timeout=10) for _ in range(1600)]
    assert heard.empty()
    assert set(Counter(number for number, _ in ended).values()) == {1}
    assert {type(error) for _, error in ended} <= {type(None), UnreachableError}


def test_a_thread_that_waits_hears_a_time_limit_of_the_coroutine_as_one(
    build_upstream: BuildUpstream,
) -> None:
    async def slow() -> None:
        async with asyncio.timeout(0):
            await asyncio.sleep(60)

    with pytest.raises(UnreachableError, match="time was up"):
        build_upstream().call(slow(), None)
