"""SRV records (RFC 2782), asked of the system's name servers."""

import dns.asyncresolver
import dns.exception
import dns.resolver
import dns.rrset
from dns.rdtypes.IN.SRV import SRV

from issuer.matrix.cache import Cache, Entry
from issuer.matrix.names import BadNameError, parse_server_name
from issuer.world import Clock

Target = tuple[str, int]

SHORTEST = 60.0
LONGEST = 24 * 3600.0
NONE = 300.0
"""Seconds for which "there is no such record" is believed."""
FAILURE = 30.0
MOST_TARGETS = 4


class Services:
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

    async def _ask(self, name: str) -> Entry[tuple[Target, ...]]:
        try:
            resolver = self._resolver = self._resolver or dns.asyncresolver.Resolver()
            answer = await resolver.resolve(f"{name}.", "SRV", lifetime=self._seconds, search=False)
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return Entry((), NONE)
        except (dns.exception.DNSException, OSError, ValueError):
            return Entry((), FAILURE)
        return Entry(_targets(answer.rrset), min(max(float(answer.ttl), SHORTEST), LONGEST))


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
