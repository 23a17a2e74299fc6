"""Processes that end without a word."""

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from tests.modules.livekit.delegation.homeserver import Delayed, DelayingHomeserver, error
from tests.modules.livekit.delegation.replica import Replica, kill, wait_for_restarts
from tests.modules.livekit.sfu import Sfu
from tests.postgresql import PostgreSQL
from tests.service import wait_for
from tests.upstream.authority import Authority
from tests.upstream.stub import Reply

MANY = 200
TAKEOVER = 1.5
"""Seconds that a lease of at most 1 s leaves, with the look of another worker and its write."""
PHASES = "SELECT phase, count(*) FROM livekit_jobs GROUP BY phase"
LEASES = "SELECT owner, lease_until FROM livekit_owners"
OWNERS = "SELECT owner, count(*) FROM livekit_jobs GROUP BY owner"

BuildReplica = Callable[..., Replica]


@pytest.fixture
def build_replica(
    tmp_path: Path, homeserver: DelayingHomeserver, sfu: Sfu, authority: Authority, programs: None
) -> Iterator[BuildReplica]:
    built: list[Replica] = []

    def build(store: str, workers: int = 2) -> Replica:
        directory = tmp_path / f"replica{len(built)}"
        directory.mkdir()
        built.append(Replica(directory, store, (homeserver, sfu, authority), workers))
        built[-1].start()
        return built[-1]

    yield build
    for replica in built:
        replica.stop()


def asked(path: Path, question: str) -> dict[str, float]:
    with closing(sqlite3.connect(path, timeout=30)) as database:
        return dict(database.execute(question).fetchall())


def fired(events: list[Delayed]) -> int:
    return sum(event.has_fired for event in events)


def test_a_worker_is_killed(build_replica: BuildReplica, tmp_path: Path) -> None:
    """SIGKILL of one worker that owns 200 jobs (delay 8 s) while others live: leases of at most 1 s, every
    job is restarted before its deadline, no delayed event fires. SIGKILL of everything and a start 2 s later:
    only events whose deadline passed meanwhile have fired, all others go on in their state. The same with two
    replicas on one PostgreSQL, one of them killed.
    """
    replica = build_replica(f"sqlite:///{tmp_path / 'issuer.db'}")
    connection = replica.connect()
    events = []
    for number in range(MANY):
        events.append(connection.delegate(str(number)))
        connection.join(str(number))
    wait_for_restarts(events, 0.0)
    (before,) = asked(tmp_path / "issuer.db", OWNERS).items()
    assert before[1] == MANY, "they are one worker's"
    assert asked(tmp_path / "issuer.db", LEASES)[before[0]] - time.time() <= 1.0
    killed_at = time.time()
    kill(connection.worker())
    wait_for(lambda: before[0] not in asked(tmp_path / "issuer.db", OWNERS), "a takeover")
    taken_at = time.time()
    wait_for_restarts(events, killed_at)
    assert fired(events) == 0
    assert taken_at - killed_at < TAKEOVER
    wait_for_restarts(events, taken_at + 1)  # and again
    assert fired(events) == 0
    assert asked(tmp_path / "issuer.db", PHASES) == {"connected": MANY}


def test_everything_is_killed(build_replica: BuildReplica, tmp_path: Path) -> None:
    """SIGKILL of one worker that owns 200 jobs (delay 8 s) while others live: leases of at most 1 s, every
    job is restarted before its deadline, no delayed event fires. SIGKILL of everything and a start 2 s later:
    only events whose deadline passed meanwhile have fired, all others go on in their state. The same with two
    replicas on one PostgreSQL, one of them killed.
    """
    replica = build_replica(f"sqlite:///{tmp_path / 'issuer.db'}")
    homeserver = replica.homeserver
    connection = replica.connect()
    connected = [connection.delegate(f"c{number}", 20.0) for number in range(20)]
    short = [connection.delegate(f"s{number}", 2.0) for number in range(5)]
    waiting = [connection.delegate(f"w{number}", 60.0) for number in range(5)]
    leaving = [connection.delegate(f"l{number}", 60.0) for number in range(5)]
    for kind, events in (("c", connected), ("s", short), ("l", leaving)):
        for number in range(len(events)):
            connection.join(f"{kind}{number}")
    wait_for_restarts([*connected, *short, *leaving], 0.0)

    def fails(delay_id: str, action: str) -> Reply | None:
        return error(500, "M_UNKNOWN") if action == "send" else None

    homeserver.instead = fails
    for number in range(len(leaving)):
        connection.leave(f"l{number}")
    phases = {"connected": 25, "waiting": 5, "disconnected": 5}
    wait_for(lambda: asked(tmp_path / "issuer.db", PHASES) == phases, "all phases")
    replica.kill_everything()
    killed_at = time.time()
    homeserver.instead = lambda *_: None
    wait_for(lambda: time.time() > killed_at + 2 and fired(short) == 5, "2 s")
    replica.start()
    started_at = time.time()
    wait_for_restarts(connected, started_at)
    wait_for(lambda: all(event.sent_at for event in leaving), "the sends")
    assert fired([*connected, *waiting, *leaving]) == 0
    assert fired(short) == 5
    left = {"connected": 20, "waiting": 5}
    wait_for(lambda: asked(tmp_path / "issuer.db", PHASES) == left, "the end of the others")
    assert all(not event.restarts and not event.sent_at for event in waiting)


def test_a_machine_is_killed(build_replica: BuildReplica, postgresql: PostgreSQL) -> None:
    """SIGKILL of one worker that owns 200 jobs (delay 8 s) while others live: leases of at most 1 s, every
    job is restarted before its deadline, no delayed event fires. SIGKILL of everything and a start 2 s later:
    only events whose deadline passed meanwhile have fired, all others go on in their state. The same with two
    replicas on one PostgreSQL, one of them killed.
    """
    store = postgresql.url(postgresql.create_database())

    def told(question: str) -> dict[str, float]:
        with psycopg.connect(store) as database:
            return dict(database.execute(question.encode()).fetchall())

    one, other = build_replica(store, workers=1), build_replica(store, workers=1)
    connection = one.connect()
    events = []
    for number in range(MANY):
        events.append(connection.delegate(str(number)))
        connection.join(str(number))
    wait_for_restarts(events, 0.0)
    (before,) = told(OWNERS).items()
    assert before[1] == MANY
    assert told(LEASES)[before[0]] - time.time() <= 1.0
    killed_at = time.time()
    one.kill_everything()
    wait_for_restarts(events, killed_at)
    assert fired(events) == 0
    (after,) = told(OWNERS).items()
    assert after[0] != before[0]
    assert after[1] == MANY
    # a webhook comes to the other machine
    other.connect().leave("7")
    wait_for(lambda: events[7].sent_at is not None, "a send")
    wait_for(lambda: told(PHASES) == {"connected": MANY - 1}, "the end of one job")
    assert fired(events) == 0
