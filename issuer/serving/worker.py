"""A worker process: Granian's HTTP engine before the threads that run the application.

Only Granian's engine is used, and this file alone touches it. Its names are private, which is why setup.cfg
pins Granian's minor version. Granian's own WSGI server reads bodies in request threads and without
a deadline, and its process manager gives up when a worker dies twice within seconds.
"""

import asyncio
import gc
import resource
import signal
import socket
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import granian._granian
from granian.http import HTTP1Settings

from issuer.serving.children import Parent
from issuer.serving.dispatch import Dispatcher
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
CONNECTIONS = 4096
GARBAGE = 10_000
"""New objects before the collector looks through them: those of some ten requests."""


class Worker:
    """What one worker process does."""

    def __init__(
        self,
        number: int,
        listeners: Sequence[socket.socket],
        load_app: Callable[[], "WSGIApplication"],
        on_stop: Callable[["WSGIApplication"], None],
        options: ServeOptions,
    ) -> None:
        """Prepare worker `number`, counted from 0, which listens on the listener of that number."""
        self._number = number
        self._listeners = listeners
        self._load_app = load_app
        self._on_stop = on_stop
        self._options = options

    def __call__(self, parent: Parent) -> None:
        """Serve until SIGTERM; then finish what is in flight."""
        for number, listener in enumerate(self._listeners):
            if number != self._number:
                listener.close()
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
        self._engine().serve_str(_scheduler(loop, dispatcher), loop, stop)
        loop.add_reader(parent, parent.answer)
        parent.ready()
        loop.run_until_complete(finished.wait())
        loop.close()

    def _engine(self) -> Any:
        descriptor = self._listeners[self._number].detach()
        return engine.ASGIWorker(
            self._number + 1,
            (None, engine.SocketHolder(descriptor, False, BACKLOG)),
            None,  # no pipe for Granian's own metrics
            1,  # threads of the HTTP engine
            1,  # threads for its files, of which we serve none
            1,  # threads that call our scheduler: while it asks for a body, none can come
            30,  # seconds until such a thread ends
            _connections(),
            "1",  # HTTP/1.1 alone, as reverse proxies speak it
            HTTP1Settings(header_read_timeout=HEADER_SECONDS * 1000, max_buffer_size=HEADER_BYTES),
            None,
            False,  # no WebSockets
            None,
            *_tls(self._options),
            (None, None),
        )


def _spare_the_collector() -> None:
    """Keep what the application is made of out of the collector's rounds, and have fewer of them."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE)


def _scheduler(loop: asyncio.AbstractEventLoop, dispatcher: Dispatcher) -> Any:
    scheduler = engine.CallbackScheduler(loop, None, None, None, None)
    scheduler._schedule_fn = dispatcher.schedule
    return scheduler


def _tls(options: ServeOptions) -> tuple[Any, ...]:
    certificate, key = options.tls_certificate, options.tls_key
    if not certificate or not key:
        return (False, None, None, None, "tls1.2", None, [], False)
    return (True, str(certificate), str(key), None, "tls1.2", None, [], False)


def _connections() -> int:
    """Allow as many open files as the system does, and keep half of them for connections."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    return min(CONNECTIONS, most // 2)
