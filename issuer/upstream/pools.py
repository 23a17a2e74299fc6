"""The connection pools of a process: one behind the guard, one for destinations of the configuration."""

import asyncio
import socket
import ssl
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import aiohttp
from aiohappyeyeballs import SocketFactoryType
from aiohttp.abc import AbstractResolver, ResolveResult

from issuer.settings.models import UpstreamSettings
from issuer.upstream.addresses import Guard
from issuer.upstream.bounded import BoundedProtocol, no_redirect, response_class
from issuer.world import Clock

Lookup = Callable[..., list[tuple[Any, ...]]]
"""`socket.getaddrinfo`, or what a test has in its place."""

RESOLVER_THREADS = 8
KEEP_ALIVE = 30.0
"""Seconds for which an idle connection is kept."""
KEPT_FOR_STRANGERS = 256
"""Servers named by strangers to which idle connections are kept; they cannot make us hold more."""


class SystemResolver(AbstractResolver):
    """A and AAAA from the system's resolver, hosts file included, in a bounded pool of threads."""

    def __init__(self, lookup: Lookup) -> None:
        self._lookup = lookup
        self._threads = ThreadPoolExecutor(RESOLVER_THREADS, "resolver")

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Return the addresses of a host."""
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(self._threads, self._ask, host, port, family)
        return [_result(host, info) for info in found]

    def _ask(self, host: str, port: int, family: socket.AddressFamily) -> list[tuple[Any, ...]]:
        try:
            return self._lookup(host, port, family, socket.SOCK_STREAM, 0, socket.AI_ADDRCONFIG)
        except UnicodeError as error:  # a label of no or more than 63 characters
            raise OSError(str(error)) from None

    async def close(self) -> None:
        """Let the threads end; one that still waits for the system ends by itself."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _result(host: str, info: tuple[Any, ...]) -> ResolveResult:
    family, _, _, _, (address, port, *scope) = info
    if any(scope[1:]):
        address += f"%{scope[1]}"
    return ResolveResult(hostname=host, host=address, port=port, family=family, proto=0, flags=0)


class KeepAlivePolicy:
    """Remembers to which servers idle connections may be kept: the first so many of the last half minute."""

    def __init__(self, clock: Clock, most: int = KEPT_FOR_STRANGERS) -> None:
        self._clock = clock
        self._most = most
        self._used: OrderedDict[str, float] = OrderedDict()

    def may_keep(self, origin: str) -> bool:
        """Tell whether the connection of a call that begins now may be kept."""
        now = self._clock.monotonic()
        while self._used and next(iter(self._used.values())) < now - 2 * KEEP_ALIVE:
            self._used.popitem(last=False)
        if origin not in self._used and len(self._used) >= self._most:
            return False
        self._used[origin] = now
        self._used.move_to_end(origin)
        return True


class Pools:
    """All connections; made, used and closed on the loop."""

    def __init__(self, settings: UpstreamSettings, clock: Clock, lookup: Lookup) -> None:
        self._settings = settings
        self.kept = KeepAlivePolicy(clock)
        self.unverified = _unverified()
        self.timeout = aiohttp.ClientTimeout(total=None, connect=settings.connect_timeout)
        """For callers that bound the whole themselves."""
        verified = _verified(settings)
        guard = Guard(settings.refused_networks)
        self.guarded = self._session(verified, lookup, guard.socket)
        self.exempt = self._session(verified, lookup, None)

    async def close(self) -> None:
        """Close every connection."""
        await self.guarded.close()
        await self.exempt.close()

    def _session(
        self, tls: ssl.SSLContext, lookup: Lookup, factory: SocketFactoryType | None
    ) -> aiohttp.ClientSession:
        connector = _Connector(
            resolver=SystemResolver(lookup),
            use_dns_cache=False,
            ssl=tls,
            limit=0,  # the bulkheads bound the calls
            keepalive_timeout=KEEP_ALIVE,
            socket_factory=factory,
        )
        return aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(
                total=self._settings.total_timeout,
                connect=self._settings.connect_timeout,
            ),
            headers={"User-Agent": "issuer", "Accept-Encoding": "identity"},
            auto_decompress=False,
            response_class=response_class(self._settings.largest_answer),
            middlewares=(no_redirect,),
        )


class _Connector(aiohttp.TCPConnector):
    """Closes its resolver too, which aiohttp leaves to whoever made it; its connections are bounded ones."""

    def __init__(self, **how: Any) -> None:
        super().__init__(**how)
        self._factory: partial[Any] = partial(BoundedProtocol, loop=self._loop)

    async def close(self, *, abort_ssl: bool = False) -> None:
        await super().close(abort_ssl=abort_ssl)
        await self._resolver.close()


def _verified(settings: UpstreamSettings) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if settings.ca_file is not None:
        context.load_verify_locations(settings.ca_file)
    context.set_alpn_protocols(["http/1.1"])
    return context


def _unverified() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["http/1.1"])
    return context
