"""The connections that Granian's engine has accepted, seen from outside.

The engine bounds how many there are, and gives no handle for whose they are. Each has a descriptor of this
process, and the kernel knows when something was last sent and received on it. So who has to go is looked for
once a second, and shut down; the engine finds it closed, as if the client had gone.
"""

import asyncio
import errno
import resource
import socket
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from issuer.serving.connections.crowd import Neighbourhoods
from issuer.serving.options import ServeOptions

LOOK_EVERY, LOOK_AGAIN = 1.0, 0.1
"""Seconds between two looks, and after one that found too many."""
DESCRIPTORS = Path("/proc/self/fd")
FULL, RELIEVED = 7 / 8, 3 / 4
"""Shares of what the engine takes: beyond the first, those who were silent for longest go, down to the
second."""
SENT, RECEIVED, BYTES = 44, 52, 104
"""Where struct tcp_info (linux/tcp.h) has the milliseconds since something was sent and received, and how
much of it is read."""


class Accepted(NamedTuple):
    """A connection of the engine's."""

    silent: int
    """Milliseconds since something was sent or received."""
    descriptor: int
    peer: tuple[str, int]


def _rank(one: Accepted) -> tuple[int, int]:
    """Put first who stays; of those who were silent for as long, whoever came last, by its descriptor."""
    return one.silent, -one.descriptor


class Warden:
    """Shuts down the connections that are too many."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, address: tuple[str, int], most: int, options: ServeOptions
    ) -> None:
        """Look at those that were made to `address`, of which the engine takes `most`."""
        self._loop = loop
        self._port = address[1]
        self._most = most
        self._each = options.connections_per_address
        self._neighbourhoods = Neighbourhoods(options.trusted_proxies)

    def watch(self, seconds: float = LOOK_EVERY) -> None:
        """Look in so many seconds, and again, as long as the loop runs."""
        self._loop.call_later(seconds, self._look)

    def _look(self) -> None:
        went = 0
        try:
            went = self._relieve_if_needed()
        finally:
            self.watch(LOOK_AGAIN if went else LOOK_EVERY)

    def _relieve_if_needed(self) -> int:
        try:
            descriptors = [int(entry.name) for entry in DESCRIPTORS.iterdir()]
        except OSError as error:
            if error.errno not in {errno.EMFILE, errno.ENFILE}:
                return 0  # nobody can look: there is no /proc
            return self._relieve(range(resource.getrlimit(resource.RLIMIT_NOFILE)[0]), starved=True)
        few = len(descriptors) <= min(self._each, self._most * FULL)
        return 0 if few else self._relieve(descriptors, starved=False)

    def _relieve(self, descriptors: Sequence[int], *, starved: bool) -> int:
        """Shut down those that are too many; return how many they were."""
        near: dict[str, list[Accepted]] = {}
        for accepted in self._accepted(descriptors):
            if (neighbour := self._neighbourhoods.of(accepted.peer[0])) is not None:
                near.setdefault(neighbour, []).append(accepted)
        ordered = [sorted(neighbours, key=_rank) for neighbours in near.values()]
        too_many = [one for neighbours in ordered for one in neighbours[self._each :]]
        others = sorted((one for neighbours in ordered for one in neighbours[: self._each]), key=_rank)
        if starved:
            too_many += others[int(len(others) * RELIEVED) :]
        elif len(others) > self._most * FULL:
            too_many += others[int(self._most * RELIEVED) :]
        _shut(too_many)
        return len(too_many)

    def _accepted(self, descriptors: Iterable[int]) -> Iterator[Accepted]:
        for descriptor in descriptors:
            with suppress(OSError), borrowed(descriptor) as connection:
                if connection.family in {socket.AF_INET, socket.AF_INET6} and self._is_ours(connection):
                    yield Accepted(silence(connection), descriptor, connection.getpeername()[:2])

    def _is_ours(self, connection: socket.socket) -> bool:
        return bool(connection.getsockname()[1] == self._port)


def _shut(accepted: Iterable[Accepted]) -> None:
    for one in accepted:
        with suppress(OSError), borrowed(one.descriptor) as connection:
            if connection.getpeername()[:2] == one.peer:  # and not what has the number meanwhile
                connection.shutdown(socket.SHUT_RDWR)


@contextmanager
def borrowed(descriptor: int) -> Iterator[socket.socket]:
    """Look at a descriptor of somebody else's as a socket, and leave it open.

    Raises:
        OSError: when it is none.
    """
    connection = socket.socket(fileno=descriptor)
    try:
        yield connection
    finally:
        connection.detach()


def silence(connection: socket.socket) -> int:
    """Return for how many milliseconds nothing was sent or received."""
    info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, BYTES)
    sent, received = (int.from_bytes(info[at : at + 4], sys.byteorder) for at in (SENT, RECEIVED))
    return min(sent, received)
