"""Forwarded headers, believed only from configured reverse proxies."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    pass

Network = IPv4Network | IPv6Network
FORWARDED = ("HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_PROTO", "HTTP_X_FORWARDED_HOST", "HTTP_FORWARDED")
PEER = "issuer.peer"
"""The key of the address that the connection comes from."""


def within(address: IPv4Address | IPv6Address, networks: Iterable[Network]) -> bool:
    """Tell whether an address is in one of the networks."""
    return any(address in network for network in networks)


def client_address(peer: str, forwarded: str, trusted: Sequence[Network]) -> str:
    """Return the last address of `X-Forwarded-For` that is no trusted proxy itself, in its usual form.

    Args:
        peer: the address of the connection.
        forwarded: the header.
        trusted: the networks of the proxies that are believed.
    """
    address = parse(peer)
    hops = [hop.strip() for hop in forwarded.split(",")]
    while address is not None and hops and within(address, trusted):
        before = parse(hops.pop())
        if before is None:
            break
        address = before
    return str(address) if address is not None else peer


@lru_cache(maxsize=4096)
def written(text: str) -> str:
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
