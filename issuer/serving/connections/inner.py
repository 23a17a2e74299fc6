"""Between the processes that speak TLS and the workers: Unix sockets, and whose connection one is.

The address of the client is the name of the socket that connects: the kernel hands it over, and nobody but
this user can give one, for only this user reaches the directory.
"""

import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from issuer.serving.listen import BACKLOG, close_all
from issuer.serving.options import StartError

LONGEST_PATH = 50
"""Bytes of the directory's path: with the longest address behind it, it fits into a name (unix(7))."""


@contextmanager
def inner_listeners(count: int) -> Iterator[list[socket.socket]]:
    """Give each worker a socket to listen on, in a directory that only this user can enter.

    Raises:
        StartError: when there is no directory for temporary files, or its path is too long.
    """
    try:
        folder = tempfile.TemporaryDirectory(prefix="issuer-tls-", ignore_cleanup_errors=True)
    except OSError as error:
        raise StartError(f"TLS needs a directory for temporary files: {error}") from None
    with folder as path:
        if len(os.fsencode(path)) > LONGEST_PATH:
            raise StartError(
                f"TLS needs a directory for temporary files with a shorter path than {path}: set TMPDIR"
            )
        listeners = [_listen(Path(path, f"worker-{number + 1}")) for number in range(count)]
        try:
            yield listeners
        finally:
            close_all(listeners)


def _listen(path: Path) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen(BACKLOG)
    return listener


def connect(path: str, host: str, port: int) -> socket.socket:
    """Connect to the worker that listens on `path`, in the name of a client.

    Raises:
        OSError: when the worker takes no more.
    """
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.setblocking(False)
        name = Path(path).with_name(f"{host},{port}")
        connection.bind(str(name))
        name.unlink()
        connection.connect(path)
    except OSError:
        connection.close()
        raise
    return connection


def client_of(name: str) -> tuple[str, str]:
    """Return host and port of the client whose connection has this name."""
    host, _, port = name.rpartition("/")[2].rpartition(",")
    return host, port
