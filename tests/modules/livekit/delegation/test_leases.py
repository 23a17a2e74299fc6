"""Whose jobs are whose, in both databases."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from issuer.store import Store
from issuer.world import SteadyClock
from modules.livekit.delegation.engine.machine import begin, step
from modules.livekit.delegation.engine.model import Joined, Left, Phase
from modules.livekit.delegation.jobs.job import DelegationRequest, Job, JobChange
from modules.livekit.delegation.jobs.leases import LEASE, Leases
from modules.livekit.delegation.jobs.repository import Jobs
from modules.livekit.delegation.jobs.sealing import DelayIdSealer
from modules.livekit.delegation.jobs.tables import TABLES
from tests.fakes import FakeClock, FakeRandomness
from tests.service import wait_for

MANY = 30


class Shelf:
    """Jobs in a database, with a clock for SQLite; PostgreSQL has its own."""

    def __init__(self, url: str) -> None:
        self.clock = FakeClock()
        self.store = Store.open(url, self.clock, tables=[TABLES])
        self.store.migrate()
        self.leases = Leases(self.store.database, "livekit", SteadyClock(self.clock))
        self.jobs = self.with_secret("a secret")

    def with_secret(self, secret: str) -> Jobs:
        return Jobs(self.leases, "livekit", DelayIdSealer(secret, FakeRandomness()), touch=lambda _: None)

    def add(self, number: int, owner: str, ahead: float = 0.0) -> Job:
        asked = DelegationRequest("room", f"p{number}", "hs", f"syd_{number}", 8.0)
        state, _ = begin(8.0, self.clock.now())
        state = replace(state, restarted_at=time.time() + ahead if ahead else state.restarted_at)
        job = Job(f"{number:016x}", asked, state, owner)
        self.jobs.add(job)
        return job

    def take_over(self, owner: str, limit: int) -> list[Job]:
        readable, unreadable = self.jobs.take_over(owner, limit)
        assert unreadable == []
        return readable

    def end_lease(self, owner: str) -> None:
        self.clock.advance(LEASE)
        wait_for(lambda: owner in self.leases.dead("nobody"), "the end of a lease")


@pytest.fixture
def shelf(any_store_url: str) -> Iterator[Shelf]:
    found = Shelf(any_store_url)
    yield found
    found.store.close()


def test_a_job_comes_back_as_it_went_in(shelf: Shelf) -> None:
    job = shelf.add(1, "one")
    found = shelf.jobs.get(job.id)
    assert found
    assert found.asked == job.asked
    assert (found.state.phase, found.state.since, found.owner) == (Phase.WAITING, job.state.since, "one")
    assert "syd_1" not in repr(job)
    assert shelf.jobs.get("nothing") is None


def test_the_jobs_of_the_dead_are_shared(shelf: Shelf) -> None:
    for number in range(MANY):
        shelf.add(number, "dead")
    assert shelf.take_over("early", 100) == []
    shelf.end_lease("dead")
    with ThreadPoolExecutor(3) as pool:
        taken = list(pool.map(lambda owner: shelf.take_over(owner, 10), ("a", "b", "c")))
    ids = [job.id for jobs in taken for job in jobs]
    assert len(ids) == len(set(ids)), "nobody has the same"
    rest = shelf.take_over("a", MANY)
    assert len(ids) + len(rest) == MANY
    assert {job.owner for job in shelf.jobs.all()} <= {"a", "b", "c"}
    assert "dead" not in shelf.leases.dead("a")


def test_a_lease_that_is_renewed_is_left_alone(shelf: Shelf) -> None:
    shelf.add(1, "one")
    shelf.clock.advance(LEASE * 0.75)
    shelf.leases.renew("one")
    shelf.clock.advance(LEASE * 0.75)
    assert shelf.take_over("other", 10) == []
    shelf.leases.release("one")
    assert len(shelf.take_over("other", 10)) == 1


def test_a_restart_ahead_of_the_clock_is_set_back(shelf: Shelf) -> None:
    job = shelf.add(1, "one", ahead=1e9)
    shelf.end_lease("one")
    (taken,) = shelf.take_over("other", 10)
    assert taken.state.restarted_at < job.state.restarted_at - 1e8
    assert shelf.jobs.all() == [taken]


def test_a_change_is_written_once(shelf: Shelf) -> None:
    job = shelf.add(1, "one")
    connected, _ = step(job.state, Joined("PA_1"), shelf.clock.now())
    assert shelf.jobs.settle([JobChange(job, connected)], [], set(), "one") == set()
    assert shelf.jobs.settle([JobChange(job, connected)], [], set(), "one") == {job.id}
    found = shelf.jobs.get(job.id)
    assert found
    assert (found.version, found.state.phase, found.state.sid) == (1, Phase.CONNECTED, "PA_1")
    ended, _ = step(job.state, Left(), shelf.clock.now())
    assert shelf.jobs.settle([JobChange(job, ended)], [], set(), "one") == {job.id}
    assert shelf.jobs.settle([JobChange(found, ended)], [], set(), "one") == set()
    assert shelf.jobs.all() == []


def test_the_time_of_a_restart_only_grows(shelf: Shelf) -> None:
    """What somebody writes who has lost the job meanwhile, or late, changes nothing."""
    job = shelf.add(1, "one")
    began = job.state.restarted_at

    def write(later: float, owner: str) -> float:
        restarted = replace(job, state=replace(job.state, restarted_at=began + later))
        shelf.jobs.settle([], [restarted], set(), owner)
        (found,) = shelf.jobs.all()
        return found.state.restarted_at - began

    assert write(6.0, "one") == 6.0
    assert write(3.0, "one") == 6.0
    assert write(9.0, "other") == 6.0
    assert write(12.0, "one") == 12.0


def test_what_is_not_ours_is_told(shelf: Shelf) -> None:
    mine, theirs = shelf.add(1, "one"), shelf.add(2, "other")
    gone = {mine.id, theirs.id, "nothing"}
    assert shelf.jobs.settle([], [], gone, "one") == {theirs.id, "nothing"}


def test_a_webhook_is_remembered_and_takes_the_job(shelf: Shelf) -> None:
    job = shelf.add(1, "one")

    def join(owner: str) -> tuple[Job, Job] | None:
        seen = b"hash", shelf.clock.now() + 300
        return shelf.jobs.react(
            job.asked.pair, owner, seen, lambda found: step(found.state, Joined(), 0.0)[0]
        )

    with ThreadPoolExecutor(4) as pool:
        (changed,) = [found for found in pool.map(join, "abcd") if found]
    (found,) = shelf.jobs.all()
    assert (found.owner, found.version) == (changed[1].owner, 1)
    assert shelf.store.purge() == 0
    shelf.clock.advance(301)
    assert shelf.store.purge() == 1


def test_another_secret_reads_nothing(shelf: Shelf) -> None:
    shelf.add(1, "one")
    other = shelf.with_secret("another secret")
    assert other.all() == []
    shelf.end_lease("one")
    readable, (unreadable,) = other.take_over("other", 10)
    assert readable == []
    assert (unreadable.asked.identity, unreadable.asked.delay_id) == ("p1", "")
    assert shelf.jobs.all() == [], "what cannot be read is dropped"


@pytest.mark.parametrize("step", [5.0, -5.0, 3600.0, -3600.0])
def test_whoever_sets_the_clock_ends_no_lease_of_the_living(shelf: Shelf, step: float) -> None:
    shelf.add(1, "one")
    shelf.clock.step(step)
    assert shelf.take_over("other", 10) == []
    shelf.leases.renew("one")
    shelf.clock.advance(LEASE / 2)
    shelf.leases.renew("one")
    shelf.clock.advance(LEASE / 2)
    assert shelf.take_over("other", 10) == []
    shelf.end_lease("one")
    assert len(shelf.take_over("other", 10)) == 1, "nor does it keep the dead alive"


@pytest.mark.parametrize("step", [5.0, -5.0, 3600.0, -3600.0])
def test_the_lease_of_a_dead_one_ends_though_the_clock_was_set(shelf: Shelf, step: float) -> None:
    job = shelf.add(1, "one")
    shelf.clock.step(step)
    assert shelf.leases.dead("other") == []
    shelf.end_lease("one")
    (taken,) = shelf.take_over("other", 10)
    assert taken.state.restarted_at <= shelf.clock.now() - step
    assert job.id == taken.id
