"""What the rest of the gateway calls."""

import asyncio
import socket
import threading
from collections.abc import Coroutine, Mapping
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from typing import Any, TypeVar

import aiohttp
from yarl import URL

from issuer.settings.models import UpstreamSettings
from issuer.upstream.answer import UpstreamResponse
from issuer.upstream.bulkheads import MOMENT, Bulkheads
from issuer.upstream.errors import UnreachableError
from issuer.upstream.exchange import UpstreamCall, exchange, where
from issuer.upstream.jobs import Done
from issuer.upstream.loop import LoopThread
from issuer.upstream.party import Party
from issuer.upstream.pools import Lookup, Pools
from issuer.world import Clock

T = TypeVar("T")

SPARE = 1.0
"""Seconds that a request thread waits longer than a call may last, for the loop to say how it ended."""
OPENING = 30.0
"""Seconds that reading the system's certificate authorities may take, or closing all connections."""


class Upstream:
    """All calls of a process to other servers. Threads use it; `fetch` is for coroutines on its loop."""

    def __init__(
        self, settings: UpstreamSettings, clock: Clock, threads: int, *, lookup: Lookup = socket.getaddrinfo
    ) -> None:
        """Prepare for `threads` request threads; the loop starts at the first use.

        Args:
            settings: the section `[upstream]`.
            clock: the clock.
            threads: request threads of this process, which the bulkheads share out.
            lookup: the system's resolver.
        """
        self.settings = settings
        self._clock = clock
        self._lookup = lookup
        self._bulkheads = Bulkheads(threads, settings.per_destination)
        self._loop = LoopThread()
        self._opening = threading.Lock()
        self._pools: Pools | None = None

    def start(self) -> None:
        """Start the loop now rather than at the first call."""
        self._open()

    def stop(self) -> None:
        """Cancel what is in flight, close every connection, end the loop. A later use starts again."""
        with self._opening:
            if self._pools:
                self._loop.run(self._pools.close(), OPENING)
            self._pools = None
        self._loop.stop()

    def call(self, coroutine: Coroutine[Any, Any, T], deadline: float | None) -> T:
        """Run a coroutine on the loop, and wait at most `deadline` seconds for it; then it is cancelled.

        None is for one that ends by itself.

        Raises:
            UnreachableError: when the time is up.
        """
        try:
            self._open()
        except BaseException:
            coroutine.close()
            raise
        return self._loop.run(coroutine, deadline)

    def begin(self, coroutine: Coroutine[Any, Any, T], done: Done[T]) -> None:
        """Run a coroutine on the loop, and return at once; `done` hears there how it ends.

        Nobody waits for it, so it must end by itself.
        """
        try:
            self._open()
        except BaseException:
            coroutine.close()
            raise
        self._loop.begin(coroutine, done)

    def held(self, destination: str, named_by: Party) -> AbstractContextManager[None]:
        """Count the request thread in hand, within a `with`, as waiting for a destination.

        `get` and `post` do that by themselves; around `call` it is up to you.

        Raises:
            TooManyCallsError: when too many wait already.
        """
        return self._bulkheads.held(destination, named_by)

    def in_flight(
        self, destination: str, named_by: Party, patience: float = MOMENT
    ) -> AbstractAsyncContextManager[None]:
        """Count the coroutine in hand, within an `async with`, among the same calls.

        Args:
            destination: whom it calls.
            named_by: who named that.
            patience: seconds for which it may wait for its turn; short when a thread waits for it.

        Raises:
            TooManyCallsError: when too many are in flight already.
        """
        return self._bulkheads.in_flight(destination, named_by, patience)

    def get(
        self,
        url: str,
        *,
        named_by: Party,
        server_name: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> UpstreamResponse:
        """Send a GET from a request thread; redirects are not followed.

        Raises:
            UpstreamError: when there is no answer, or no usable one.
        """
        return self._send(UpstreamCall(url, named_by, "GET", server_name, headers or {}))

    def post(
        self,
        url: str,
        *,
        named_by: Party,
        body: bytes,
        server_name: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> UpstreamResponse:
        """Send a POST from a request thread; redirects are not followed.

        Raises:
            UpstreamError: when there is no answer, or no usable one.
        """
        return self._send(UpstreamCall(url, named_by, "POST", server_name, headers or {}, body))

    async def fetch(self, call: UpstreamCall) -> UpstreamResponse:
        """Make a call from a coroutine on the loop; the bulkheads do not count it.

        Raises:
            UpstreamError: when there is no answer, or no usable one.
        """
        try:
            async with asyncio.timeout(self.settings.total_timeout):
                return await self.fetch_unbounded(call)
        except TimeoutError:
            raise UnreachableError(f"{where(URL(call.url, encoded=True))}: no answer in time") from None

    async def fetch_unbounded(self, call: UpstreamCall) -> UpstreamResponse:
        """Do the same where the coroutine bounds the time itself."""
        if self._pools is None:
            raise UnreachableError("this process is ending")
        return await exchange(self._pools, self.settings, call)

    def session(self) -> aiohttp.ClientSession:
        """Return a session for libraries that are built on aiohttp, for destinations of the configuration.

        It belongs to the loop: use it in coroutines for `call`, and do not close it. A redirect is an error.
        """
        return self._open().exempt

    def _send(self, call: UpstreamCall) -> UpstreamResponse:
        with self.held(where(URL(call.url, encoded=True)), call.named_by):
            return self.call(self.fetch(call), self.settings.total_timeout + SPARE)

    def _open(self) -> Pools:
        if (pools := self._pools) is not None:
            return pools
        with self._opening:
            if self._pools is None:
                self._pools = self._loop.run(self._new_pools(), OPENING)
            return self._pools

    async def _new_pools(self) -> Pools:
        return Pools(self.settings, self._clock, self._lookup)
