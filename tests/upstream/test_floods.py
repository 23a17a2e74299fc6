"""Servers that send without end what is no body."""

import contextlib
import socket
import threading
from collections.abc import Iterator

import pytest

from issuer.upstream import Party, UpstreamError
from tests.upstream.fixtures import BuildUpstream

BEGIN = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
FLOODS = {
    "interim answers": (b"", b"HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n" * 100),
    "extensions": (BEGIN, b"1;a=" + b"b" * 2000 + b"\r\nx\r\n"),
    "one extension": (BEGIN + b"1;a=", b"b" * 4000),
}
MOST = 16 * 1024 * 1024
"""Bytes that a flood may have sent when it ends, those in the buffers of the system among them."""


class Flood:
    """A server that answers one request without end, and counts what is taken."""

    def __init__(self, begin: bytes, more: bytes) -> None:
        self.sent = 0
        self._begin, self._more = begin, more
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        connection, _ = self._listener.accept()
        with connection, contextlib.suppress(OSError):
            connection.recv(4096)
            connection.sendall(self._begin)
            while self.sent < 4 * MOST:
                connection.sendall(self._more)
                self.sent += len(self._more)

    def close(self) -> None:
        self._thread.join()
        self._listener.close()


@pytest.fixture(params=FLOODS)
def flood(request: pytest.FixtureRequest) -> Iterator[Flood]:
    found = Flood(*FLOODS[request.param])
    yield found
    found.close()


def test_floods_end(build_upstream: BuildUpstream, flood: Flood) -> None:
    """Interim answers and extensions of chunks are bounded by bytes, not by time alone."""
    upstream = build_upstream(total_timeout=60.0)
    with pytest.raises(UpstreamError):
        upstream.get(f"http://127.0.0.1:{flood.port}/", named_by=Party.OPERATOR)
    flood.close()
    assert flood.sent < MOST
