"""Who is connected to a process, and who has to go when there are too many."""

import resource
from collections import OrderedDict
from collections.abc import Hashable, Sequence
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Generic, TypeVar

CONNECTIONS = 4096
"""Connections that a process has at most, however many files it may open."""
OWN_FILES = 64
"""Open files that a process needs for itself."""
SUBSCRIBER = 64
"""Bits of an IPv6 address that are one subscriber's: the rest is theirs to choose."""

Network = IPv4Network | IPv6Network
T = TypeVar("T", bound=Hashable)


def open_files() -> int:
    """Allow this process as many open files as the system does, and return how many."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    return most


class Neighbourhoods:
    """Whose connections count together."""

    def __init__(self, exempt: Sequence[Network]) -> None:
        """Count those from the networks `exempt` not at all."""
        self._exempt = exempt

    def of(self, address: str) -> str | None:
        """Return what stands for all that is one neighbour's; None for whoever is exempt.

        Args:
            address: as the system writes it; "" for none, which is a neighbourhood of its own.
        """
        try:
            parsed = ip_address(address)
        except ValueError:
            return address
        if isinstance(parsed, IPv6Address):
            parsed = parsed.ipv4_mapped or parsed
        if any(parsed in network for network in self._exempt):
            return None
        if parsed.version == 4:
            return str(parsed)
        return parsed.packed[: SUBSCRIBER // 8].hex()


class Crowd(Generic[T]):
    """The connections of a process, in the order of what they did last.

    Nobody is turned away: whoever was silent for longest goes, of the same neighbour when that one has too
    many. So those who do nothing hold up nobody, from one address or from many.
    """

    def __init__(self, most: int, each: int, neighbourhoods: Neighbourhoods) -> None:
        """Have room for `most`, and for `each` of one neighbour."""
        self._most = most
        self._each = each
        self._neighbourhoods = neighbourhoods
        self._exempt: set[T] = set()
        self._all: OrderedDict[T, str] = OrderedDict()
        self._near: dict[str, OrderedDict[T, None]] = {}

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._all) + len(self._exempt)

    def admit(self, connection: T, address: str) -> T | None:
        """Count a connection in; count out and return the one that has to go for it, which may be itself."""
        near = self._neighbourhoods.of(address)
        goes: T | None = None
        if near is None:
            self._exempt.add(connection)
        else:
            neighbours = self._near.setdefault(near, OrderedDict())
            self._all[connection], neighbours[connection] = near, None
            if len(neighbours) > self._each:
                goes = next(iter(neighbours))
        if goes is None and len(self) > self._most:
            goes = next(iter(self._all), connection)
        if goes is not None:
            self.leave(goes)
        return goes

    def stir(self, connection: T) -> None:
        """Know that a connection did something."""
        if (near := self._all.get(connection)) is not None:
            self._all.move_to_end(connection)
            self._near[near].move_to_end(connection)

    def leave(self, connection: T) -> None:
        """Forget a connection."""
        self._exempt.discard(connection)
        if (near := self._all.pop(connection, None)) is not None:
            neighbours = self._near[near]
            del neighbours[connection]
            if not neighbours:
                del self._near[near]
