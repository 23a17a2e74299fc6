"""How many request threads may wait for whom."""

import asyncio
import threading
from contextlib import ExitStack

import pytest

from issuer.upstream import Party, TooManyCallsError
from issuer.upstream.bulkheads import Bulkheads


def fill(bulkheads: Bulkheads, destination: str, named_by: Party, held: ExitStack) -> int:
    """Hold as many as there is room for; return how many."""
    for count in range(1000):
        try:
            held.enter_context(bulkheads.held(destination, named_by))
        except TooManyCallsError:
            return count
    raise AssertionError("there is no bound")


@pytest.mark.parametrize(
    ("threads", "stranger", "strangers", "listed"),
    [(1, 1, 1, 1), (2, 1, 1, 1), (4, 1, 2, 3), (16, 4, 8, 12), (64, 16, 32, 48)],
)
def test_shares(threads: int, stranger: int, strangers: int, listed: int) -> None:
    bulkheads = Bulkheads(threads, 0)
    with ExitStack() as held:
        assert fill(bulkheads, "a.example", Party.STRANGER, held) == stranger
        others = (fill(bulkheads, f"{number}.example", Party.STRANGER, held) for number in range(10))
        assert stranger + sum(others) == strangers
        assert fill(bulkheads, "hs.example", Party.LISTED, held) == listed
        assert fill(bulkheads, "sfu.example", Party.OPERATOR, held) == listed


def test_a_refusal_says_when_to_come_back() -> None:
    bulkheads = Bulkheads(1, 0)
    with (
        bulkheads.held("a.example", Party.STRANGER),
        pytest.raises(TooManyCallsError) as refused,
        bulkheads.held("b.example", Party.STRANGER),
    ):
        pass
    assert (refused.value.status, refused.value.headers) == (429, {"Retry-After": "1"})


def test_a_listed_server_does_not_share_with_a_stranger_of_its_name() -> None:
    bulkheads = Bulkheads(16, 0)
    with ExitStack() as held:
        assert fill(bulkheads, "hs.example", Party.STRANGER, held) == 4
        assert fill(bulkheads, "hs.example", Party.LISTED, held) == 12


def test_an_own_bound() -> None:
    bulkheads = Bulkheads(16, 2)
    with ExitStack() as held:
        assert fill(bulkheads, "a.example", Party.STRANGER, held) == 2
        assert fill(bulkheads, "hs.example", Party.LISTED, held) == 2


def test_what_is_given_back_can_be_taken_again() -> None:
    bulkheads = Bulkheads(16, 0)
    for _ in range(3):
        with ExitStack() as held:
            assert fill(bulkheads, "a.example", Party.STRANGER, held) == 4
            fill(bulkheads, "b.example", Party.STRANGER, held)
            assert fill(bulkheads, "hs.example", Party.LISTED, held) == 12


def test_a_call_that_fails_gives_back() -> None:
    bulkheads = Bulkheads(1, 0)
    for _ in range(3):
        with pytest.raises(KeyError), bulkheads.held("a.example", Party.STRANGER):
            raise KeyError


def test_a_healthy_listed_server_refuses_nobody() -> None:
    bulkheads = Bulkheads(16, 4)
    refused = []

    def calls() -> None:
        for _ in range(50):
            try:
                with bulkheads.held("hs.example", Party.LISTED):
                    threading.Event().wait(0.0005)
            except TooManyCallsError as error:
                refused.append(error)

    threads = [threading.Thread(target=calls) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert refused == []


class TestCoroutines:
    """Calls that hold no thread count as those of threads do, and may wait longer."""

    def test_they_wait_for_their_turn_in_order(self) -> None:
        bulkheads, served = Bulkheads(16, 2), list[int]()

        async def call(number: int) -> None:
            async with bulkheads.in_flight("hs.example", Party.LISTED, 60):
                served.append(number)
                await asyncio.sleep(0)

        async def calls() -> None:
            await asyncio.gather(*(call(number) for number in range(50)))

        asyncio.run(calls())
        assert served == list(range(50))

    def test_patience_ends(self) -> None:
        bulkheads = Bulkheads(1, 0)

        async def call(named_by: Party, patience: float) -> None:
            async with bulkheads.in_flight("hs.example", named_by, patience):
                pass

        for named_by, patience in ((Party.LISTED, 0.01), (Party.STRANGER, 60)):
            with bulkheads.held("hs.example", named_by), pytest.raises(TooManyCallsError):
                asyncio.run(call(named_by, patience))
            asyncio.run(call(named_by, 0))

    def test_a_thread_gives_its_turn_to_a_coroutine(self) -> None:
        bulkheads, waits = Bulkheads(1, 0), threading.Event()

        async def call() -> None:
            asyncio.get_running_loop().call_later(0.05, waits.set)
            async with bulkheads.in_flight("hs.example", Party.LISTED, 60):
                pass

        thread = threading.Thread(target=asyncio.run, args=(call(),))
        with bulkheads.held("hs.example", Party.LISTED):
            thread.start()
            assert waits.wait(10)
        thread.join(10)
        assert not thread.is_alive()

    @pytest.mark.parametrize("given", [False, True])
    def test_who_is_cancelled_takes_no_turn(self, given: bool) -> None:
        bulkheads = Bulkheads(1, 0)

        async def call() -> None:
            async with bulkheads.in_flight("hs.example", Party.LISTED, 60):
                pass

        async def main() -> None:
            with ExitStack() as held:
                held.enter_context(bulkheads.held("hs.example", Party.LISTED))
                tasks = [asyncio.create_task(call()) for _ in range(2)]
                await asyncio.sleep(0)
                await asyncio.sleep(0)
                if given:
                    held.close()
                tasks[0].cancel()
            await asyncio.wait_for(tasks[1], 10)

        asyncio.run(main())
        with ExitStack() as held:
            assert fill(bulkheads, "hs.example", Party.LISTED, held) == 1
