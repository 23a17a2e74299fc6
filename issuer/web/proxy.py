"""Forwarded headers, believed only from configured reverse proxies."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

Network = IPv4Network | IPv6Network
FORWARDED = ("HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_PROTO", "HTTP_X_FORWARDED_HOST", "HTTP_FORWARDED")
PEER = "issuer.peer"
"""The key of the address that the connection comes from."""


class TrustedProxies:
    """Takes the client's address from `X-Forwarded-For`, the last entry that is no trusted proxy itself.

    From any other peer every forwarded header is dropped, so that nothing behind this ever sees one that a
    stranger sent. Scheme and host are never taken from headers: the configured public URL has them.
    """

    def __init__(self, app: "WSGIApplication", trusted: Sequence[Network]) -> None:
        """Wrap an application."""
        self._app = app
        self._trusted = trusted

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Answer a request with the right `REMOTE_ADDR`."""
        forwarded = environ.get("HTTP_X_FORWARDED_FOR", "")
        for name in FORWARDED:
            environ.pop(name, None)
        environ[PEER] = peer = str(environ.get("REMOTE_ADDR", ""))
        environ["REMOTE_ADDR"] = self._client(peer, forwarded)
        return self._app(environ, start_response)

    def _client(self, peer: str, forwarded: str) -> str:
        if not forwarded:
            return _written(peer)
        address = parse(peer)
        hops = [hop.strip() for hop in forwarded.split(",")]
        while address is not None and hops and self._is_trusted(address):
            before = parse(hops.pop())
            if before is None:
                break
            address = before
        return str(address) if address is not None else peer

    def _is_trusted(self, address: IPv4Address | IPv6Address) -> bool:
        return within(address, self._trusted)


def within(address: IPv4Address | IPv6Address, networks: Iterable[Network]) -> bool:
    """Tell whether an address is in one of the networks."""
    return any(address in network for network in networks)


@lru_cache(maxsize=4096)
def _written(text: str) -> str:
    """Return an address in its usual form (RFC 5952); a text that is none as it is."""
    address = parse(text)
    return text if address is None else str(address)


@lru_cache(maxsize=4096)
def parse(text: str) -> IPv4Address | IPv6Address | None:
    """Return an address, IPv4-mapped ones as IPv4 (RFC 4291 §2.5.5.2); None when the text is none."""
    try:
        address = ip_address(text.strip().strip("[]"))
    except ValueError:
        return None
    if not isinstance(address, IPv6Address):
        return address
    # A zone (RFC 4007 §11) is free text, and says nothing on another machine.
    return address.ipv4_mapped or IPv6Address(int(address))
