"""The address guard: the addresses to which no connection is opened for a stranger.

Only addresses that are reachable over the Internet pass, and none that carries another address inside: an
IPv4 address may hide in an IPv6 address in several ways. The lists follow the IANA special-purpose address
registries (RFC 6890) rather than `ipaddress.is_global`, which changed between releases of Python.
"""

import socket
from collections.abc import Iterable
from ipaddress import AddressValueError, IPv4Address, IPv4Network, IPv6Address, IPv6Network

from aiohappyeyeballs import AddrInfoType

Network = IPv4Network | IPv6Network

REFUSED_IPV4 = tuple(
    IPv4Network(text)
    for text in (
        "0.0.0.0/8",  # this network (RFC 791), the unspecified address among it
        "10.0.0.0/8",  # private (RFC 1918)
        "100.64.0.0/10",  # shared between carrier and customer (RFC 6598)
        "127.0.0.0/8",  # loopback
        "169.254.0.0/16",  # link-local (RFC 3927), metadata services of clouds among it
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments (RFC 6890)
        "192.0.2.0/24",  # documentation (RFC 5737)
        "192.88.99.0/24",  # 6to4 relays (RFC 7526)
        "192.168.0.0/16",  # private
        "198.18.0.0/15",  # benchmarks (RFC 2544)
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, broadcast among it
    )
)
GLOBAL_UNICAST = IPv6Network("2000::/3")
"""The only part of IPv6 that is assigned for the Internet (RFC 4291 §2.4). Outside of it: loopback,
unspecified, mapped and compatible IPv4, NAT64 (64:ff9b::/96, 64:ff9b:1::/48), unique local, link-local,
multicast."""
REFUSED_IPV6 = tuple(
    IPv6Network(text)
    for text in (
        "2001::/23",  # protocol assignments, Teredo (RFC 4380) and ORCHID (RFC 7343) among them
        "2001:db8::/32",  # documentation (RFC 3849)
        "2002::/16",  # 6to4, carries an IPv4 address (RFC 3056)
        "3fff::/20",  # documentation (RFC 9637)
    )
)
ISATAP = 0x5EFE
"""An interface identifier that begins with this carries an IPv4 address (RFC 5214 §6.1)."""


class AddressRefusedError(OSError):
    """The guard refused an address. The text is always the same: aiohttp joins errors by their texts."""

    def __init__(self, address: str) -> None:
        super().__init__("the address is not one of the Internet")
        self.address = address


class Guard:
    """Makes the sockets of a connection pool: none for an address that strangers may not reach."""

    def __init__(self, more: Iterable[Network] = ()) -> None:
        self._more = tuple(more)

    def socket(self, info: AddrInfoType) -> socket.socket:
        """Return a socket for an address (a `socket_factory` of aiohttp).

        Raises:
            AddressRefusedError: when no connection may be opened to it.
        """
        family, kind, protocol, _, address = info
        if self.refuses(str(address[0])):
            raise AddressRefusedError(str(address[0]))
        return socket.socket(family, kind, protocol)

    def refuses(self, text: str) -> bool:
        """Tell whether an address, as text, is one that strangers may not reach."""
        try:
            address = IPv6Address(text) if ":" in text else IPv4Address(text)
        except AddressValueError:
            return True
        return _refused(address) or any(address in network for network in self._more)


def _refused(address: IPv4Address | IPv6Address) -> bool:
    if isinstance(address, IPv4Address):
        return any(address in network for network in REFUSED_IPV4)
    if address.scope_id is not None or address not in GLOBAL_UNICAST:
        return True
    return _is_isatap(address) or any(address in network for network in REFUSED_IPV6)


def _is_isatap(address: IPv6Address) -> bool:
    return int(address) >> 32 & 0xFDFFFFFF == ISATAP
