"""A worker process: Granian's HTTP engine before the threads that run the application.

Only Granian's engine is used, and this file alone touches it. Its names are private, which is why setup.cfg
pins Granian's minor version. Granian's own WSGI server reads bodies in request threads and without
a deadline, and its process manager gives up when a worker dies twice within seconds.
"""

import asyncio
import gc
import signal
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import granian._granian
from granian.http import HTTP1Settings

from issuer.serving.children import Parent
from issuer.serving.connections.crowd import CONNECTIONS, open_files
from issuer.serving.connections.inner import client_of
from issuer.serving.connections.warden import Warden
from issuer.serving.dispatch import Dispatcher, Request
from issuer.serving.listen import BACKLOG
from issuer.serving.options import ServeOptions
from issuer.serving.request_bodies import ArrivalLoop

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

engine: Any = granian._granian

HEADER_SECONDS = 75
"""Seconds in which the header of a request must have arrived. An idle connection ends after as long: that is
longer than the 60 seconds for which nginx keeps one to reuse it."""
HEADER_BYTES = 65536
NO_TLS: tuple[Any, ...] = (False, None, None, None, "tls1.2", None, [], False)
GARBAGE = 10_000
"""New objects before the collector looks through them: those of some ten requests."""


class Worker:
    """What one worker process does."""

    def __init__(
        self,
        number: int,
        listener: socket.socket,
        load_app: Callable[[], "WSGIApplication"],
        on_stop: Callable[["WSGIApplication"], None],
        options: ServeOptions,
    ) -> None:
        """Prepare worker `number`; on `listener` come clients, or the process that speaks TLS with them."""
        self._number = number
        self._listener = listener
        self._load_app = load_app
        self._on_stop = on_stop
        self._options = options
        self._most = CONNECTIONS

    def __call__(self, parent: Parent) -> None:
        """Serve until SIGTERM; then finish what is in flight."""
        self._most = min(CONNECTIONS, open_files() // 2)
        app = self._load_app()
        _spare_the_collector()
        try:
            self._serve(app, parent)
        finally:
            self._on_stop(app)

    def _serve(self, app: "WSGIApplication", parent: Parent) -> None:
        loop = ArrivalLoop()
        asyncio.set_event_loop(loop)
        finished = asyncio.Event()
        stop = engine.WorkerSignal()
        stop.add_cb(lambda: loop.call_soon_threadsafe(finished.set))
        loop.add_signal_handler(signal.SIGTERM, stop.set)
        dispatcher = Dispatcher(app, self._options, loop)
        self._serve_with(dispatcher, loop, stop)
        loop.add_reader(parent, parent.answer)
        parent.ready()
        loop.run_until_complete(finished.wait())
        loop.close()

    def _serve_with(self, dispatcher: Dispatcher, loop: asyncio.AbstractEventLoop, stop: Any) -> None:
        address, is_behind_tls = self._listener.getsockname(), self._listener.family == socket.AF_UNIX
        worker = self._engine(is_unix=is_behind_tls)
        scheduler = engine.CallbackScheduler(loop, None, None, None, None)
        if is_behind_tls:
            scheduler._schedule_fn = lambda request: dispatcher.schedule(_from_tls(request))
            worker.serve_str_uds(scheduler, loop, stop)
        else:
            scheduler._schedule_fn = dispatcher.schedule
            Warden(loop, address, self._most, self._options).watch()
            worker.serve_str(scheduler, loop, stop)

    def _engine(self, *, is_unix: bool) -> Any:
        return engine.ASGIWorker(
            self._number,
            (None, engine.SocketHolder(self._listener.detach(), is_unix, BACKLOG)),
            None,  # no pipe for Granian's own metrics
            1,  # threads of the HTTP engine
            1,  # threads for its files, of which we serve none
            1,  # threads that call our scheduler: while it asks for a body, none can come
            30,  # seconds until such a thread ends
            self._most,
            "1",  # HTTP/1.1 alone, as reverse proxies speak it
            HTTP1Settings(header_read_timeout=HEADER_SECONDS * 1000, max_buffer_size=HEADER_BYTES),
            None,
            False,  # no WebSockets
            None,
            *NO_TLS,
            (None, None),
        )


def _from_tls(request: Request) -> Request:
    """Let a request be one of the client who speaks TLS, and not of the process that speaks it with them."""
    request.scope["client"] = client_of(request.scope["client"][0])
    request.scope["server"] = ("localhost", "443")  # `public_url` says what it is
    request.scope["scheme"] = "https"
    return request


def _spare_the_collector() -> None:
    """Keep what the application is made of out of the collector's rounds, and have fewer of them."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE)
