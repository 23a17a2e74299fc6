"""A process that speaks TLS: it accepts, bounds and decrypts, and passes the bytes on to its worker.

Granian's engine accepts handshakes without a bound, and when it has no descriptor left it looks at none of
those that it has. Here a connection costs the worker nothing before its handshake is done.
"""

import asyncio
import errno
import logging
import signal
import socket
import ssl
from contextlib import suppress
from functools import partial
from typing import Any

from issuer.serving.children import Parent
from issuer.serving.connections import inner
from issuer.serving.connections.crowd import CONNECTIONS, OWN_FILES, Crowd, Neighbourhoods, open_files
from issuer.serving.connections.records import TlsSide
from issuer.serving.connections.relay import Side
from issuer.serving.listen import STALLED_SECONDS
from issuer.serving.options import ServeOptions, StartError

_log = logging.getLogger(__name__)

HANDSHAKE_SECONDS = 10.0
FAREWELL_SECONDS = 3.0
"""Seconds in which a client that takes what it is sent says goodbye too (RFC 8446 §6.1)."""
AT_ONCE = 64
"""Connections that are accepted before the others have their turn."""
PAUSE_SECONDS = 1.0
"""Seconds without accepting when the system has no room for another connection; between two complaints."""
NO_ROOM = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}


def tls_context(options: ServeOptions) -> ssl.SSLContext:
    """Return how TLS is spoken; all processes share it, so each resumes the sessions of the others.

    Raises:
        StartError: when certificate and key cannot be used.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(str(options.tls_certificate), str(options.tls_key))
    except OSError as error:
        files = f"{options.tls_certificate} and {options.tls_key}"
        raise StartError(f"{files} are no usable certificate and key: {error}") from None
    return context


class TlsFront:
    """What a process that speaks TLS does."""

    def __init__(
        self, listener: socket.socket, worker: str, context: ssl.SSLContext, options: ServeOptions
    ) -> None:
        """Prepare to accept on `listener`, and to pass on to the worker that listens on the path `worker`."""
        self._listener = listener
        self._worker = worker
        self._context = context
        self._options = options

    def __call__(self, parent: Parent) -> None:
        """Serve until SIGTERM; then finish what the worker finishes."""
        asyncio.run(self._serve(parent))

    async def _serve(self, parent: Parent) -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, stop.set)
        loop.add_reader(parent, parent.answer)
        # one descriptor for the client's connection, one for that to the worker
        most = min(CONNECTIONS, max(open_files() - OWN_FILES, OWN_FILES) // 2)
        neighbourhoods = Neighbourhoods(self._options.trusted_proxies)
        crowd: Crowd[socket.socket] = Crowd(most, self._options.connections_per_address, neighbourhoods)
        door = Door(self._listener, self._worker, self._context, crowd)
        door.open()
        parent.ready()
        await stop.wait()
        await door.close()


class Door:
    """The connections of one process."""

    def __init__(
        self, listener: socket.socket, worker: str, context: ssl.SSLContext, crowd: Crowd[socket.socket]
    ) -> None:
        """Prepare; see `TlsFront`."""
        self._listener = listener
        self._worker = worker
        self._context = context
        self._crowd = crowd
        self._loop = asyncio.get_running_loop()
        self._connections: dict[socket.socket, asyncio.Task[None]] = {}
        self._handshakes: set[socket.socket] = set()
        self._complain_at = 0.0

    def open(self) -> None:
        """Begin to accept."""
        self._listener.setblocking(False)
        self._loop.add_reader(self._listener, self._accept)

    async def close(self) -> None:
        """Accept no more, and wait for those that are served."""
        self._loop.remove_reader(self._listener)
        self._listener.close()
        for accepted in self._handshakes:
            self._connections[accepted].cancel()
        if self._connections:
            await asyncio.wait(self._connections.values())

    def _accept(self) -> None:
        for _ in range(AT_ONCE):
            try:
                accepted, peer = self._listener.accept()
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno in NO_ROOM:
                    self._pause(error)
                return
            self._take(accepted, peer)

    def _pause(self, error: OSError) -> None:
        self._complain("no room for another connection", error)
        self._loop.remove_reader(self._listener)
        self._loop.call_later(PAUSE_SECONDS, self._resume)

    def _resume(self) -> None:
        if self._listener.fileno() >= 0:
            self.open()

    def _complain(self, what: str, error: OSError) -> None:
        if self._loop.time() >= self._complain_at:
            self._complain_at = self._loop.time() + PAUSE_SECONDS
            _log.warning("%s: %s", what, error.strerror)

    def _take(self, accepted: socket.socket, peer: Any) -> None:
        accepted.setblocking(False)
        task = self._loop.create_task(self._serve(accepted, peer[0], peer[1]))
        self._connections[accepted] = task
        self._handshakes.add(accepted)
        task.add_done_callback(partial(self._forget, accepted))
        if goes := self._crowd.admit(accepted, peer[0]):
            self._connections[goes].cancel()

    def _forget(self, accepted: socket.socket, task: asyncio.Task[None]) -> None:
        del self._connections[accepted]
        self._handshakes.discard(accepted)
        self._crowd.leave(accepted)
        accepted.close()
        if not task.cancelled() and (error := task.exception()):
            _log.error("a connection was given up", exc_info=error)

    async def _serve(self, accepted: socket.socket, host: str, port: int) -> None:
        stir = partial(self._crowd.stir, accepted)
        client, worker = TlsSide(self._context, stir), Side(stir)
        try:
            with suppress(OSError):  # the client's doing, or the network's
                await self._shake_hands(client, accepted)
                await self._connect(worker, host, port)
                client.join(worker)
                await asyncio.wait([client.gone, worker.gone], return_when=asyncio.FIRST_COMPLETED)
                await self._say_goodbye(client)
        finally:
            client.abort()
            worker.abort()

    async def _say_goodbye(self, client: TlsSide) -> None:
        client.finish()
        seconds = STALLED_SECONDS if client.is_behind else FAREWELL_SECONDS
        await asyncio.wait([client.gone], timeout=seconds)

    async def _shake_hands(self, client: TlsSide, accepted: socket.socket) -> None:
        await self._loop.connect_accepted_socket(lambda: client, accepted)
        async with asyncio.timeout(HANDSHAKE_SECONDS):
            await asyncio.wait([client.shook_hands, client.gone], return_when=asyncio.FIRST_COMPLETED)
        if client.gone.done():
            raise ConnectionResetError
        self._handshakes.discard(accepted)

    async def _connect(self, worker: Side, host: str, port: int) -> None:
        try:
            connection = inner.connect(self._worker, host, port)
        except OSError as error:
            self._complain("the worker takes no connection", error)
            raise
        await self._loop.create_connection(lambda: worker, sock=connection)
