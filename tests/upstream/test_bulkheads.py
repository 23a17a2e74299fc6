"""How many request threads may wait for whom."""

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
