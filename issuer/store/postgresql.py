"""Connections to PostgreSQL for which nobody waits without end, whatever the server and the network do.

A server that lives gives up by itself (`statement_timeout`, `lock_timeout`). From one that is silent the
thread goes away at its deadline, and the connection is closed.
"""

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from math import inf
from typing import Any, TypeVar

import psycopg
from psycopg.abc import PQGen
from sqlalchemy import URL, Engine, event

from issuer.store.fast.connections import BEGIN
from issuer.store.fast.waiting import Breaker
from issuer.world import SystemClock

RV = TypeVar("RV")

INTERVAL = 0.1
"""Seconds between two looks for signals, as psycopg has them."""
TELLING = 0.25
"""The share of the longest wait after which silence is the server's fault."""

_monotonic = SystemClock.monotonic


class Waits(threading.local):
    """How long this thread waits: so long for each answer, within a context so long for all of them."""

    def __init__(self, longest_wait: float, breaker: Breaker) -> None:
        """Know no deadline; this is called for each thread."""
        self._longest_wait = longest_wait
        self._breaker = breaker
        self._until: float | None = None

    def __enter__(self) -> None:
        """Let the deadline count from now."""
        self._until = _monotonic() + self._longest_wait

    def __exit__(self, *_: object) -> None:
        """Have no deadline any more."""
        self._until = None

    @contextmanager
    def without_end(self) -> Iterator[None]:
        """Wait however long it takes."""
        self._until = inf
        try:
            yield
        finally:
            self._until = None

    @contextmanager
    def afresh(self) -> Iterator[None]:
        """Wait as if nothing had been waited for: to ask what became of a commit."""
        before, self._until = self._until, _monotonic() + self._longest_wait
        try:
            yield
        finally:
            self._until = before

    def begin(self, cursor: Any) -> None:
        """Begin a transaction, on a driver's cursor."""
        cursor.execute(BEGIN)

    def left(self) -> float | None:
        """Return how many seconds are left; None: there is no end."""
        if self._until is None:
            return self._longest_wait
        return None if self._until == inf else max(0.0, self._until - _monotonic())

    def connect(self, arguments: Sequence[Any], options: Mapping[str, Any]) -> "BoundedConnection":
        """Connect, unless nobody is to wait."""
        self._breaker.check()
        try:
            connection = BoundedConnection.connect(*arguments, **options)
        except psycopg.errors.ConnectionTimeout:
            self._breaker.trip("PostgreSQL takes no connection in time")
            raise
        connection.waits = self
        return connection

    def in_vain(self, waited: float) -> None:
        """Hear that there was no answer; who came with little time left says nothing of the server."""
        if waited >= self._longest_wait * TELLING:
            self._breaker.trip(f"PostgreSQL has not answered for {waited:.1f} s")


class BoundedConnection(psycopg.Connection[Any]):
    """A connection whose answers are waited for until the deadline of the thread."""

    waits: Waits | None = None

    def wait(self, gen: PQGen[RV], interval: float = INTERVAL, timeout: float | None = None) -> RV:
        """Wait for what a generator waits for.

        Raises:
            psycopg.OperationalError: there is no answer; the connection is closed.
        """
        left = self.waits.left() if self.waits else timeout
        began = _monotonic()
        try:
            return super().wait(gen, interval, left)
        except psycopg.OperationalError:
            waited = _monotonic() - began
            if left is not None and self.waits and waited >= left:
                self.pgconn.finish()
                self.waits.in_vain(waited)
            raise


def bounded(engine: Engine, url: URL, waits: Waits, longest_wait: float) -> None:
    """Let the connections of an engine have bounds: of the client, and of the server."""
    milliseconds = int(longest_wait * 1000)
    bounds = {
        "lock_timeout": milliseconds * 8 // 10,
        "statement_timeout": milliseconds * 9 // 10,
        "idle_in_transaction_session_timeout": milliseconds * 2,
    }
    said = str(url.query.get("options", ""))
    script = "; ".join(f"SET {name} = {value}" for name, value in bounds.items() if name not in said)

    @event.listens_for(engine, "do_connect")
    def connect(_dialect: Any, _record: Any, arguments: Any, options: Any) -> BoundedConnection:
        return waits.connect(arguments, options)

    @event.listens_for(engine, "connect")
    def set_bounds(connection: Any, _record: Any) -> None:
        if script:
            connection.execute(script)


def defaults(longest_wait: float) -> dict[str, str]:
    """Return options of libpq for those whom the URL does not name."""
    milliseconds = str(int(longest_wait * 1000))
    return {
        "connect_timeout": str(max(2, int(longest_wait / 2))),
        "application_name": "issuer",
        "tcp_user_timeout": milliseconds,
        "keepalives": "1",
        "keepalives_idle": "10",
        "keepalives_interval": "2",
        "keepalives_count": "3",
    }
