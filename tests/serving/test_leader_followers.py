"""Who of the request threads takes the next job."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest

from issuer import runtime
from issuer.serving import leader_followers
from issuer.serving.leader_followers import Job, LeaderFollowers
from tests.serving.harness import answer_on, running

DEADLINE = 10.0


class Crew:
    """A leaders with threads that note who did what."""

    def __init__(self, loop: asyncio.AbstractEventLoop, threads: int) -> None:
        self.leaders = LeaderFollowers(loop, threads)
        self.done: SimpleQueue[tuple[str, str]] = SimpleQueue()
        for number in range(threads):
            threading.Thread(target=self._work, name=f"thread-{number}", daemon=True).start()

    def _work(self) -> None:
        while True:
            term = self.leaders.wait()
            runtime.on_block(partial(self.leaders.promote, term))
            while job := self.leaders.take(term):
                if last := job():
                    self.leaders.put_last(last, term)

    def put(self, name: str, job: Callable[[], Any] = lambda: None, last: Job | None = None) -> None:
        def run() -> Job | None:
            job()
            self.note(name)
            return last

        self.leaders.put(run)

    def note(self, name: str) -> None:
        self.done.put((name, threading.current_thread().name))

    def next(self) -> tuple[str, str]:
        return self.done.get(timeout=DEADLINE)


def waiting(gate: threading.Event) -> Callable[[], None]:
    """Return a job that says that it waits, and waits for the gate."""

    def wait() -> None:
        runtime.about_to_block()
        gate.wait()

    return wait


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    found = asyncio.new_event_loop()
    thread = threading.Thread(target=found.run_forever, daemon=True)
    thread.start()
    yield found
    found.call_soon_threadsafe(found.stop)
    thread.join(DEADLINE)
    found.close()


@pytest.fixture
def crew(loop: asyncio.AbstractEventLoop) -> Crew:
    return Crew(loop, 3)


@pytest.fixture
def never(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the timer see nothing."""
    monkeypatch.setattr(leader_followers, "WATCHDOG_SECONDS", 3600.0)


@pytest.mark.usefixtures("never")
def test_one_thread_does_job_after_job_while_the_others_sleep(crew: Crew) -> None:
    gate = threading.Event()
    crew.put("first", gate.wait)
    for number in range(50):
        crew.put(str(number))
    gate.set()
    found = [crew.next() for _ in range(51)]
    assert [name for name, _ in found] == ["first", *map(str, range(50))]
    assert len({thread for _, thread in found}) == 1


@pytest.mark.usefixtures("never")
def test_a_thread_that_is_about_to_wait_lets_another_go_on_at_once(crew: Crew) -> None:
    gate = threading.Event()

    def wait() -> None:
        runtime.about_to_block()
        runtime.about_to_block()
        gate.wait()

    crew.put("slow", wait)
    crew.put("quick")
    name, quick = crew.next()
    assert name == "quick"
    gate.set()
    name, slow = crew.next()
    assert name == "slow"
    assert slow != quick


def test_a_thread_that_keeps_the_others_waiting_without_a_word_is_noticed(crew: Crew) -> None:
    gates = [threading.Event() for _ in range(2)]
    for number, gate in enumerate(gates):
        crew.put(f"slow-{number}", gate.wait)
    crew.put("quick")
    assert crew.next()[0] == "quick"
    for number, gate in reversed(list(enumerate(gates))):
        gate.set()
        assert crew.next()[0] == f"slow-{number}"


def test_when_every_thread_waits_the_first_that_is_free_goes_on(crew: Crew) -> None:
    gates = [threading.Event() for _ in range(3)]
    for number, gate in enumerate(gates):
        crew.put(f"slow-{number}", gate.wait)
    for number in range(10):
        crew.put(str(number))
    gates[1].set()
    assert [crew.next()[0] for _ in range(11)] == ["slow-1", *map(str, range(10))]
    gates[0].set()
    gates[2].set()
    assert {crew.next()[0] for _ in range(2)} == {"slow-0", "slow-2"}


@pytest.mark.usefixtures("never")
def test_what_comes_last_is_done_once_when_no_other_job_waits(crew: Crew) -> None:
    gate = threading.Event()
    last = partial(crew.note, "last")
    crew.put("first", gate.wait, last)
    for name in ("second", "third"):
        crew.put(name, last=last)
    gate.set()
    assert [crew.next()[0] for _ in range(4)] == ["first", "second", "third", "last"]
    crew.put("fourth", last=last)
    assert [crew.next()[0] for _ in range(2)] == ["fourth", "last"]


@pytest.mark.usefixtures("never")
def test_what_comes_last_does_not_wait_for_ever_while_more_and_more_comes(crew: Crew) -> None:
    gate = threading.Event()
    crew.put("first", gate.wait, partial(crew.note, "last"))
    for number in range(2 * leader_followers.MOST_BEFORE):
        crew.put(str(number))
    gate.set()
    found = [crew.next()[0] for _ in range(2 * leader_followers.MOST_BEFORE + 2)]
    assert found.index("last") == leader_followers.MOST_BEFORE + 1


@pytest.mark.parametrize("says_so", [True, False])
def test_what_comes_last_does_not_wait_for_a_slow_job(crew: Crew, says_so: bool) -> None:
    gate, begin = threading.Event(), threading.Event()
    crew.put("first", begin.wait, partial(crew.note, "last"))
    crew.put("slow", waiting(gate) if says_so else gate.wait)
    begin.set()
    assert [crew.next()[0] for _ in range(2)] == ["first", "last"]
    gate.set()
    assert crew.next()[0] == "slow"


@pytest.mark.usefixtures("never")
def test_a_thread_that_comes_back_from_waiting_may_leave_something_for_last(crew: Crew) -> None:
    gate = threading.Event()
    crew.put("slow", waiting(gate), partial(crew.note, "last"))
    crew.put("quick")
    assert crew.next()[0] == "quick"
    gate.set()
    assert [crew.next()[0] for _ in range(2)] == ["slow", "last"]


def test_no_job_is_lost_however_threads_promote(crew: Crew) -> None:
    def put(producer: int) -> None:
        for number in range(300):
            job = runtime.about_to_block if number % 3 == 0 else (lambda: None)
            crew.put(
                f"{producer}-{number}", job, last=partial(crew.note, "last") if number % 5 == 0 else None
            )

    producers = [threading.Thread(target=put, args=(producer,)) for producer in range(4)]
    for thread in producers:
        thread.start()
    for thread in producers:
        thread.join(DEADLINE)
    expected = {f"{producer}-{number}" for producer in range(4) for number in range(300)}
    found = [crew.next()[0] for _ in range(1200 + 240)]
    assert found.count("last") == 240
    assert {*found} - {"last"} == expected


@pytest.mark.usefixtures("never")
def test_what_comes_last_does_not_wait_while_all_threads_are_busy(crew: Crew) -> None:
    gates = [threading.Event() for _ in range(6)]
    crew.put("slow-0", waiting(gates[0]), partial(crew.note, "last"))
    for number, gate in enumerate(gates[1:], 1):
        crew.put(f"slow-{number}", waiting(gate))
    gates[0].set()
    assert [crew.next()[0] for _ in range(2)] == ["slow-0", "last"]
    for gate in gates:
        gate.set()
    assert {crew.next()[0] for _ in range(5)} == {f"slow-{number}" for number in range(1, 6)}


def test_what_comes_last_is_not_forgotten_when_no_thread_slept_as_it_came(
    loop: asyncio.AbstractEventLoop,
) -> None:
    crew = Crew(loop, 2)
    gates = {name: threading.Event() for name in ("first", "second", "silent")}
    crew.put("first", waiting(gates["first"]), partial(crew.note, "last"))
    crew.put("second", waiting(gates["second"]))
    crew.put("silent", gates["silent"].wait)
    gates["first"].set()
    gates["second"].set()
    assert {crew.next()[0] for _ in range(3)} == {"first", "second", "last"}
    gates["silent"].set()
    assert crew.next()[0] == "silent"


@pytest.mark.parametrize("says_so", [True, False])
def test_what_comes_last_does_not_wait_for_the_only_thread(
    loop: asyncio.AbstractEventLoop, says_so: bool
) -> None:
    crew = Crew(loop, 1)

    def work_last() -> None:
        while True:
            crew.leaders.wait_for_last()()

    threading.Thread(target=work_last, name="spare", daemon=True).start()
    gate, begin = threading.Event(), threading.Event()
    crew.put("first", begin.wait, partial(crew.note, "last"))
    for name in ("slow", "second"):
        crew.put(name, waiting(gate) if says_so else gate.wait, partial(crew.note, f"last after {name}"))
    begin.set()
    assert crew.next() == ("first", "thread-0")
    assert crew.next() == ("last", "spare")
    gate.set()
    assert {crew.next()[0] for _ in range(4)} == {
        "slow",
        "last after slow",
        "second",
        "last after second",
    }


@pytest.mark.server
def test_a_path_of_its_own_does_not_wait_for_busy_threads(log: Path) -> None:
    with running(log, workers=1, threads=1, apart=["/"]) as server, server.connect() as slow:
        slow.sendall(b"GET /slow/3.0 HTTP/1.1\r\nHost: a\r\n\r\n")
        for _ in range(20):
            assert server.get("/")[0] == 200
        slow.setblocking(False)
        with pytest.raises(BlockingIOError):
            slow.recv(1)
        slow.settimeout(DEADLINE)
        assert answer_on(slow) == (200, b"slow")


@pytest.mark.server
def test_requests_are_answered_while_others_are_slow(log: Path) -> None:
    with running(log, workers=1, threads=4) as server, server.connect() as slow:
        slow.sendall(b"GET /slow/3.0 HTTP/1.1\r\nHost: a\r\n\r\n")
        for _ in range(20):
            assert server.get("/environ")[0] == 200
        slow.setblocking(False)
        with pytest.raises(BlockingIOError):
            slow.recv(1)
        slow.settimeout(DEADLINE)
        assert answer_on(slow) == (200, b"slow")
