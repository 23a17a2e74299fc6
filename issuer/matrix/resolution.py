"""Where a homeserver is: Server-Server API §Resolving server names, its six steps; SRV records (RFC 2782)."""

from dataclasses import dataclass

import dns.asyncresolver
import dns.exception
import dns.resolver
import dns.rrset
from dns.rdtypes.IN.SRV import SRV

from issuer.matrix.cache import Cache, CacheEntry
from issuer.matrix.names import BadNameError, ServerName, parse_server_name
from issuer.matrix.well_known import Delegations
from issuer.world import Clock

Target = tuple[str, int]

SHORTEST = 60.0
LONGEST = 24 * 3600.0
NONE = 300.0
"""Seconds for which "there is no such record" is believed."""
FAILURE = 30.0
MOST_TARGETS = 4


class ServiceRecords:
    """Finds the servers behind a service's name."""

    def __init__(
        self, clock: Clock, seconds: float, resolver: dns.asyncresolver.Resolver | None = None
    ) -> None:
        """Wait for an answer at most `seconds`; `resolver` defaults to the system's name servers."""
        self._seconds = seconds
        self._resolver = resolver
        self._cache: Cache[tuple[Target, ...]] = Cache(clock)

    async def targets(self, name: str) -> tuple[Target, ...]:
        """Return host and port of the servers, in the order to try them; () when there is no record."""
        return await self._cache.get(name, lambda _: self._ask(name))

    async def _ask(self, name: str) -> CacheEntry[tuple[Target, ...]]:
        try:
            resolver = self._resolver = self._resolver or dns.asyncresolver.Resolver()
            answer = await resolver.resolve(f"{name}.", "SRV", lifetime=self._seconds, search=False)
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return CacheEntry((), NONE)
        except (dns.exception.DNSException, OSError, ValueError):
            return CacheEntry((), FAILURE)
        return CacheEntry(_targets(answer.rrset), min(max(float(answer.ttl), SHORTEST), LONGEST))


def _targets(records: dns.rrset.RRset | None) -> tuple[Target, ...]:
    found = ((str(record.target).removesuffix("."), record.port) for record in _in_order(records))
    return tuple((host, port) for host, port in found if port and _is_host_name(host))[:MOST_TARGETS]


def _is_host_name(text: str) -> bool:
    """Tell whether a target can stand in a URL: DNS allows any character, and "." says "not here"."""
    try:
        return not parse_server_name(text).is_literal
    except BadNameError:
        return False


def _in_order(records: dns.rrset.RRset | None) -> list[SRV]:
    """Return records by priority, and by chance according to their weights (RFC 2782)."""
    return [record for record in records.processing_order() if isinstance(record, SRV)] if records else []


PORT = 8448


@dataclass(frozen=True, slots=True)
class Destination:
    """Where to connect for a homeserver, and what to ask for."""

    targets: tuple[Target, ...]
    """Hosts (IPv6 without brackets) and ports, in the order to try them."""
    server_name: str
    """What the certificate is for and the Host header says."""


class Resolution:
    """Resolves server names, with what was learnt before."""

    def __init__(self, delegations: Delegations, services: ServiceRecords) -> None:
        self._delegations = delegations
        self._services = services

    async def destination(self, name: ServerName) -> Destination:
        """Return where a homeserver is; the numbers are those of the specification's steps."""
        if name.is_literal or name.port is not None:  # 1, 2
            return _direct(name)
        delegated = await self._delegations.of(name)  # 3
        if delegated is None:
            return await self._by_service(name)  # 4, 5, 6
        if delegated.is_literal or delegated.port is not None:  # 3.1, 3.2
            return _direct(delegated)
        return await self._by_service(delegated)  # 3.3, 3.4, 3.5

    async def _by_service(self, name: ServerName) -> Destination:
        for service in ("_matrix-fed._tcp", "_matrix._tcp"):
            if targets := await self._services.targets(f"{service}.{name.host}"):
                return Destination(targets, name.text)
        return _direct(name)


def _direct(name: ServerName) -> Destination:
    return Destination(((name.host, name.port or PORT),), name.text)
