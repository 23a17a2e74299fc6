"""What only shows between processes."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from threading import Thread

import pytest

from issuer.store import Store
from issuer.world import SystemClock
from tests.fakes import FakeClock
from tests.store.hammer import POLICY
from tests.store.samples import user

pytestmark = pytest.mark.server

DEADLINE = 60.0


@contextmanager
def hammer(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "tests.store.hammer", *arguments]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def together(count: int, *arguments: str) -> list[str]:
    """Start so many processes, let them go at the same moment; return what each one printed then."""
    with ExitStack() as stack:
        processes = [stack.enter_context(hammer(*arguments)) for _ in range(count)]
        for process in processes:
            assert process.stdout
            assert process.stdout.readline() == "ready\n"
        for process in processes:
            assert process.stdin
            process.stdin.write("go\n")
            process.stdin.flush()
        answers = [process.communicate(timeout=DEADLINE)[0] for process in processes]
        assert [process.returncode for process in processes] == [0] * count
    return answers


def test_of_attempts_in_several_processes_only_the_free_ones_go_on(any_url: str) -> None:
    assert sum(map(int, together(3, "reserve", any_url, "20"))) == POLICY.free


def test_processes_that_migrate_at_once_all_succeed(empty_url: str) -> None:
    assert together(4, "migrate", empty_url) == [""] * 4


def test_what_was_recorded_survives_sigkill_of_two_writers(any_url: str) -> None:
    with hammer("record", any_url, "a") as first, hammer("record", any_url, "b") as second:
        acknowledged = []
        for process in (first, second):
            assert process.stdout
            acknowledged += [process.stdout.readline().strip() for _ in range(100)]
        for process in (first, second):
            process.kill()
            assert process.stdout
            acknowledged += [line.strip() for line in process.stdout if line.endswith("\n")]
    store = Store.open(any_url, SystemClock())
    recorded = {row.token_id for row in store.issuances.search(limit=10**6)}
    store.close()
    assert len(acknowledged) >= 200
    assert set(acknowledged) <= recorded


def test_a_dead_writer_gives_up_its_turn(sqlite_url: str, clock: FakeClock) -> None:
    store = Store.open(sqlite_url, clock)
    store.migrate()
    with hammer("hold", sqlite_url) as process:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        waiting = Thread(target=store.users.add, args=[user()])
        waiting.start()
        process.kill()
        waiting.join(DEADLINE)
    assert store.users.all() == [user()]
    store.close()
