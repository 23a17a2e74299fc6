"""A server on loopback that answers as it is told, over TLS or not, and counts."""

import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Reply:
    status: int = 200
    body: bytes = b"{}"
    headers: dict[str, str] = field(default_factory=dict)
    waits_for: threading.Event | None = None
    """Send nothing before this."""
    drips: bool = False
    """Send the body a byte at a time, and then no more."""


@dataclass(frozen=True)
class Seen:
    method: str
    path: str
    headers: dict[str, str]
    tls_name: str | None
    body: bytes


Answering = Callable[[Seen], Reply]


class Stub:
    """`answering` makes the answers; `connections` and `seen` tell what came."""

    def __init__(
        self,
        answering: Answering = lambda _: Reply(),
        tls: ssl.SSLContext | None = None,
        address: tuple[str, int] = ("127.0.0.1", 0),
    ) -> None:
        self.answering = answering
        self.connections = 0
        self.seen: list[Seen] = []
        self._open: list[Any] = []
        self._ended = threading.Event()
        if tls:
            tls.sni_callback = _remember_name
        self._server = _server(self, tls, address)
        self.port: int = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def paths(self) -> list[str]:
        return [seen.path for seen in self.seen]

    def accepted(self, connection: Any) -> None:
        self.connections += 1
        self._open.append(connection)

    def drop_connections(self) -> None:
        for connection in self._open:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def wait_for(self, event: threading.Event) -> None:
        while not (event.wait(0.02) or self._ended.is_set()):
            pass

    def drip(self, write: Callable[[bytes], object], body: bytes) -> None:
        for byte in body:
            if self._ended.wait(0.05):
                return
            write(bytes([byte]))
        self._ended.wait()

    def close(self) -> None:
        self._ended.set()
        self.drop_connections()
        self._server.shutdown()
        self._server.server_close()


def _remember_name(connection: ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> None:
    connection.asked_for = name  # type: ignore[attr-defined]


def _server(stub: Stub, tls: ssl.SSLContext | None, address: tuple[str, int]) -> ThreadingHTTPServer:
    class Server(ThreadingHTTPServer):
        address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        daemon_threads = True
        request_queue_size = 256

        def get_request(self) -> Any:
            connection, peer = self.socket.accept()
            stub.accepted(connection)
            if tls:
                connection = tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
                stub.accepted(connection)
                stub.connections -= 1
            return connection, peer

        def handle_error(self, *_: Any) -> None:
            """A client that goes away is no news."""

    class Handler(_Handler):
        served = stub

    return Server(address, Handler)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    served: Stub

    def _answer(self) -> None:
        length = int(self.headers.get("Content-Length", "0"))
        tls_name = getattr(self.connection, "asked_for", None)
        seen = Seen(self.command, self.path, dict(self.headers), tls_name, self.rfile.read(length))
        self.served.seen.append(seen)
        reply = self.served.answering(seen)
        if reply.waits_for:
            self.served.wait_for(reply.waits_for)
        self.send_response(reply.status)
        framing = {} if "Transfer-Encoding" in reply.headers else {"Content-Length": str(len(reply.body))}
        for name, value in {**framing, **reply.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if reply.drips:
            self.served.drip(self.wfile.write, reply.body)
        else:
            self.wfile.write(reply.body)

    do_GET = do_POST = _answer  # noqa: N815 - as http.server has it

    def log_message(self, *_: Any) -> None:
        """Say nothing."""
