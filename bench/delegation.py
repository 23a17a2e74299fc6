"""The figures of delegated leave: 10,000 connected jobs of one worker on one core, and a stub homeserver."""

import http.client
import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

import psutil
from sqlalchemy import insert

from bench.baselines.relay import KEY, SECRET
from bench.figures import Figure, resident
from bench.load import LoadError
from bench.servers import ISSUER, free_port, get, running
from issuer.store import Store
from issuer.world import SteadyClock, SystemClock, SystemRandomness
from modules.livekit.delegation.engine.machine import HEARTBEAT
from modules.livekit.delegation.engine.model import Phase, State
from modules.livekit.delegation.jobs import tables
from modules.livekit.delegation.jobs.job import DelegationRequest, Job
from modules.livekit.delegation.jobs.leases import Leases
from modules.livekit.delegation.jobs.repository import Jobs
from modules.livekit.delegation.jobs.sealing import DelayIdSealer
from tests.modules.livekit.sfu import signed, webhook

JOBS = 10_000
DELAY = 8.0
ROUNDS = 3
LEAVERS = 500
PATIENCE = 60.0
NOBODY = "nobody"
TAKEOVER = 2.0
"""Seconds in which the server has taken all jobs over, before the first of them is due."""
CONFIGURATION = """\
public_url = "http://127.0.0.1:{port}/"

[server]
bind = "127.0.0.1:{port}"
workers = 1

[log]
level = "warning"

[modules.livekit]
url = "ws://127.0.0.1:{homeserver}"
api_key = "{key}"
api_secret = "{secret}"
full_access_homeservers = ["bench"]
cs_api_urls = {{ bench = "http://127.0.0.1:{homeserver}" }}
"""


class Setting:
    """A server with jobs."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir()
        self._directory = directory
        self.port, self.homeserver = free_port(), free_port()
        self._file = directory / "issuer.toml"
        values = {"port": self.port, "key": KEY, "secret": SECRET, "homeserver": self.homeserver}
        self._file.write_text(CONFIGURATION.format(**values))

    def stub(self) -> AbstractContextManager[psutil.Process]:
        command = [sys.executable, "-m", "bench.baselines.delayed", str(self.homeserver)]
        return running(command, self.homeserver, self._directory / "homeserver.log")

    def product(self) -> AbstractContextManager[psutil.Process]:
        command = [str(ISSUER), "--config", str(self._file), "serve"]
        return running(command, self.port, self._directory / "product.log")

    def ask(self, path: str) -> list[float] | dict[str, float] | int:
        found: list[float] | dict[str, float] | int = json.loads(get(self.homeserver, path).read())
        return found

    def fill(self) -> None:
        """Add jobs of a worker that is not there: the server takes them over."""
        clock, randomness = SystemClock(), SystemRandomness()
        store = Store.open(f"sqlite:///{self._directory / 'data/issuer.db'}", clock, tables=[tables.TABLES])
        leases = Leases(store.database, "livekit", SteadyClock(clock))
        jobs = Jobs(leases, "livekit", DelayIdSealer(SECRET, randomness), touch=lambda _: None)
        now = clock.now()
        rows = [jobs._row(job(number, now)) for number in range(JOBS)]
        with store.database.write() as connection:
            connection.execute(insert(tables.jobs), rows)
            dead = {"owner": NOBODY, "instance": "livekit", "lease_until": 0.0}
            connection.execute(insert(tables.owners), dead)
        store.close()


def job(number: int, now: float) -> Job:
    """Return a job that is to be restarted at some time of the round that begins soon."""
    asked = DelegationRequest("room", f"p{number}", "bench", f"d{number}", DELAY)
    since = now + TAKEOVER - DELAY * HEARTBEAT * (number % 97) / 97
    return Job(f"job{number}", asked, State(Phase.CONNECTED, DELAY, since, since, sid="PA_1"), NOBODY)


def figures(directory: Path) -> Iterator[Figure]:
    """Measure everything."""
    setting = Setting(directory / "delegation")
    with ExitStack() as stack:
        stub = stack.enter_context(setting.stub())
        parent = stack.enter_context(setting.product())
        (worker,) = parent.children()
        spread(worker, stub)
        setting.fill()
        wait(lambda: setting.ask("/known") == JOBS)
        yield from lateness(setting)
        yield webhooks(setting)
        name = f"resident memory of a worker with {JOBS:,} jobs"
        yield Figure(name, 300, [resident(worker)], "", "MB", is_most=True)


def spread(worker: psutil.Process, stub: psutil.Process) -> None:
    """Give the worker one core, and the stub another one if there is."""
    cores = list(range(os.cpu_count() or 1))
    worker.cpu_affinity(cores[:1])
    stub.cpu_affinity(cores[1:] or cores)


def lateness(setting: Setting) -> Iterator[Figure]:
    setting.ask("/forget")
    for _ in range(ROUNDS):
        time.sleep(DELAY * HEARTBEAT)
    found = setting.ask("/gaps")
    gaps = found if isinstance(found, list) else []
    if len(gaps) < JOBS * (ROUNDS - 1):
        raise LoadError(f"only {len(gaps)} restarts of {JOBS} jobs in {ROUNDS} rounds")
    late = [max(0.0, gap - DELAY * HEARTBEAT) for gap in gaps]
    p99 = statistics.quantiles(late, n=100)[98]
    name = f"p99 lateness of restarts, {JOBS:,} jobs"
    yield Figure(name, 0.5, [p99], f"{len(gaps)} restarts", "s", is_most=True)
    past = sum(gap > DELAY for gap in gaps)
    yield Figure(
        "restarts past the deadline", 0, [float(past)], f"longest gap {max(gaps):.2f} s", is_most=True
    )


def webhooks(setting: Setting) -> Figure:
    """Measure from the webhook of a leave to the arrival of the send."""
    http_ = http.client.HTTPConnection("127.0.0.1", setting.port, timeout=PATIENCE)
    began = {}
    for number in range(LEAVERS):
        body = webhook("participant_left", "room", f"p{number}", "PA_1")
        token = signed(body, SECRET, iss=KEY)
        began[f"d{number}"] = time.time()
        http_.request("POST", "/livekit/jwt/sfu_webhook", body, {"Authorization": token})
        answer = http_.getresponse()
        answer.read()
        if answer.status != 200:
            raise LoadError(f"a webhook was answered with {answer.status}")
        time.sleep(0.01)
    http_.close()
    wait(lambda: len(sends(setting)) == LEAVERS)
    delays = [at - began[delay_id] for delay_id, at in sends(setting).items()]
    p99 = statistics.quantiles(delays, n=100)[98]
    note = f"median {statistics.median(delays):.3f} s"
    return Figure("p99 from a leave's webhook to its send", 0.5, [p99], note, "s", is_most=True)


def sends(setting: Setting) -> dict[str, float]:
    found = setting.ask("/sends")
    return found if isinstance(found, dict) else {}


def wait(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise LoadError("waited in vain")
        time.sleep(0.1)
