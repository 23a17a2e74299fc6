import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue

import pytest

from issuer.store import StoreError
from issuer.store.fast.group_commit import GroupCommit
from tests.store.samples import at_once

DEADLINE = 10.0


class Writes:
    """Commits that note their rows; the first waits, those after it may raise."""

    def __init__(self, later: BaseException | None = None) -> None:
        self.batches: list[list[int]] = []
        self.began, self.go_on = threading.Event(), threading.Event()
        self.later = later

    def __call__(self, rows: Sequence[int]) -> Mapping[int, Exception]:
        self.batches.append(sorted(rows))
        if len(self.batches) == 1:
            self.began.set()
            assert self.go_on.wait(DEADLINE)
        elif self.later:
            raise self.later
        return {}


def submit_during_a_commit(writes: Writes, followers: int) -> list[BaseException | None]:
    """Submit row 0, and the rows of the followers while 0 is being committed; return what each one raised."""
    group = GroupCommit(writes)
    with ThreadPoolExecutor(followers + 1) as pool:
        futures = [pool.submit(group.submit, 0)]
        assert writes.began.wait(DEADLINE)
        futures += [pool.submit(group.submit, number + 1) for number in range(followers)]
        while group._queue.qsize() < followers:
            assert not futures[0].done()
        writes.go_on.set()
    return [future.exception() for future in futures]


def test_rows_that_come_during_a_commit_share_the_next_one() -> None:
    writes = Writes()
    assert submit_during_a_commit(writes, 3) == [None] * 4
    assert writes.batches == [[0], [1, 2, 3]]


def test_when_the_database_fails_everybody_hears_it() -> None:
    def write(rows: object) -> Mapping[int, Exception]:
        raise StoreError("disk full")

    errors = at_once(5, GroupCommit(write).submit)
    assert [str(error) for error in errors] == ["disk full"] * 5
    assert len({id(error) for error in errors}) == 5


def test_a_commit_that_was_interrupted_is_no_success_for_those_who_wait() -> None:
    first, *errors = submit_during_a_commit(Writes(later=SystemExit()), 3)
    assert first is None
    assert [type(error) for error in errors] == [StoreError] * 3


def test_who_does_not_wait_hears_of_the_commit_and_not_before() -> None:
    writes = Writes()
    group = GroupCommit(writes)
    heard: SimpleQueue[Exception | None] = SimpleQueue()
    group.later(0, heard.put)
    with ThreadPoolExecutor(1) as pool:
        pool.submit(group.settle)
        assert writes.began.wait(DEADLINE)
        assert heard.empty()
        writes.go_on.set()
        assert heard.get(timeout=DEADLINE) is None


def test_whoever_settles_while_another_is_at_it_commits_what_came_meanwhile() -> None:
    writes = Writes()
    group = GroupCommit(writes)
    heard: SimpleQueue[Exception | None] = SimpleQueue()
    with ThreadPoolExecutor(2) as pool:
        group.later(0, heard.put)
        pool.submit(group.settle)
        assert writes.began.wait(DEADLINE)
        group.later(1, heard.put)
        pool.submit(group.settle)
        writes.go_on.set()
        assert [heard.get(timeout=DEADLINE) for _ in range(2)] == [None, None]
    assert writes.batches == [[0], [1]]


def test_whoever_waits_for_a_row_does_not_work_for_those_who_come_after_it() -> None:
    batches: list[list[int]] = []

    def write(rows: Sequence[int]) -> Mapping[int, Exception]:
        batches.append(list(rows))
        if len(batches) < 100:
            group.later(len(batches), lambda _error: None)
        return {}

    group = GroupCommit(write)
    group.submit(0)
    assert batches == [[0]]
    group.settle()
    assert batches == [[0], [1]]


def test_rows_that_are_committed_are_told_before_those_who_wait_hear_it_and_others_are_not() -> None:
    told: list[object] = []
    group = GroupCommit(lambda rows: {rows.index(1): ValueError("left out")}, told.append)
    for row in range(3):
        group.later(row, told.append)
    group.settle()
    rows, *outcomes = told
    assert rows == [0, 2]
    assert [type(outcome) for outcome in outcomes] == [type(None), ValueError, type(None)]


def test_who_fails_on_being_told_does_not_keep_others_from_hearing_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(_rows: object) -> None:
        raise RuntimeError("deaf")

    GroupCommit(lambda _rows: {}, fail).submit(1)
    assert "whoever is told of each failed" in caplog.text


def test_who_fails_on_hearing_it_does_not_keep_others_from_hearing_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(_error: Exception | None) -> None:
        raise RuntimeError("deaf")

    group = GroupCommit(lambda _rows: {})
    group.later(0, fail)
    group.submit(1)
    assert "whoever waited for it failed" in caplog.text


def test_one_call_settles_all_that_was_handed_in() -> None:
    written: list[int] = []

    def write(rows: Sequence[int]) -> Mapping[int, Exception]:
        written.extend(rows)
        return {}

    group = GroupCommit(write)
    for number in range(1000):
        group.later(number, lambda _error: None)
    group.settle()
    assert written == list(range(1000))
