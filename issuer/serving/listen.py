"""Listening sockets: one for each worker on the same address, and nobody else's."""

import errno
import socket
from typing import Any

from issuer.serving.options import StartError
from issuer.settings.types import bind_parts

BACKLOG = 1024
STALLED_SECONDS = 30
"""Seconds after which the kernel ends a connection whose peer takes nothing of what is sent: it is gone, or
it never reads."""
UNSENT_BYTES = 131072
"""Bytes for one connection that may wait in the kernel for a peer who does not read."""
EVERY_ADDRESS = "::"
"""Every address of this machine, of IPv4 too (RFC 3493 §5.3)."""
INHERITED = {
    socket.TCP_NODELAY: 1,
    socket.TCP_USER_TIMEOUT: STALLED_SECONDS * 1000,
    socket.TCP_NOTSENT_LOWAT: UNSENT_BYTES,
}
"""Options that accepted connections have from their listener."""


def open_listeners(bind: str, count: int) -> list[socket.socket]:
    """Return `count` sockets that share an address; the kernel spreads connections over them.

    The caller keeps them open, so connections that wait for a dead worker are there for its successor.
    The first one listens before it agrees to share, so the kernel refuses a second server on the address.

    Raises:
        StartError: when the address is in use or is not ours.
    """
    family, address = _resolve(bind)
    listeners: list[socket.socket] = []
    try:
        for _ in range(count):
            listeners.append(_listen(family, address, shared=bool(listeners)))
    except OSError as error:
        close_all(listeners)
        raise StartError(_reason(bind, error)) from None
    return listeners


def close_all(listeners: list[socket.socket]) -> None:
    """Close every socket."""
    for listener in listeners:
        listener.close()


def _resolve(bind: str) -> tuple[int, Any]:
    host, port = bind_parts(bind)
    if bind.startswith(":") and socket.has_dualstack_ipv6():
        host = EVERY_ADDRESS
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise StartError(f"cannot listen on {bind}: {host} is no address of this machine: {error}") from None
    return found[0][0], found[0][4]


def _listen(family: int, address: Any, *, shared: bool) -> socket.socket:
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        for option, value in INHERITED.items():
            listener.setsockopt(socket.IPPROTO_TCP, option, value)
        if address[0] == EVERY_ADDRESS:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        if shared:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    except OSError:
        listener.close()
        raise
    return listener


def _reason(bind: str, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"{bind} is in use: another server listens there. Stop it, or choose another address."
    return f"cannot listen on {bind}: {error.strerror}"
