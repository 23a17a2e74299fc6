"""Leads each request to a thread: at once when it has no body, else when its body has arrived."""

import asyncio
import logging
import threading
from queue import SimpleQueue
from typing import TYPE_CHECKING, Protocol

from issuer.serving.answers import Exchange, answer, refuse
from issuer.serving.bodies import BodyError, drain, has_body, read_body
from issuer.serving.environ import Scope
from issuer.serving.options import ServeOptions

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

_log = logging.getLogger(__name__)

MOST_DRAINED = 1024 * 1024
"""Bytes of a body that is too large that are read and thrown away after the answer."""


class Request(Protocol):
    """A request as Granian schedules it."""

    scope: Scope
    proto: Exchange

    def done(self) -> None:
        """Tell Granian that nobody will answer any more."""
        ...


class Dispatcher:
    """The threads of a worker, and the queue before them."""

    def __init__(
        self, app: "WSGIApplication", options: ServeOptions, loop: asyncio.AbstractEventLoop
    ) -> None:
        """Start the threads."""
        self._app = app
        self._options = options
        self._loop = loop
        self._queue: SimpleQueue[tuple[Request, bytes]] = SimpleQueue()
        self._readers: set[asyncio.Task[None]] = set()
        for number in range(options.threads):
            threading.Thread(target=self._work, name=f"request-{number + 1}", daemon=True).start()

    def schedule(self, request: Request) -> None:
        """Take a request from Granian, on a thread of Granian's."""
        if has_body(request.scope.headers):
            self._loop.call_soon_threadsafe(self._read, request)
        else:
            self._enqueue(request, b"")

    def _read(self, request: Request) -> None:
        reader = self._loop.create_task(self._receive(request))
        self._readers.add(reader)
        reader.add_done_callback(self._readers.discard)

    async def _receive(self, request: Request) -> None:
        limit, seconds = self._options.body_limit, self._options.body_seconds
        try:
            body = await read_body(request.proto, request.scope.headers, limit, seconds)
        except BodyError as error:
            refuse(request.proto, error.status)
            if error.status == 413:
                await drain(request.proto, MOST_DRAINED, seconds)
            request.done()
        else:
            self._enqueue(request, body)

    def _enqueue(self, request: Request, body: bytes) -> None:
        if self._queue.qsize() >= self._options.waiting:
            refuse(request.proto, 503)
            request.done()
        else:
            self._queue.put((request, body))

    def _work(self) -> None:
        while True:
            request, body = self._queue.get()
            try:
                answer(self._app, request.scope, body, request.proto)
            except BaseException:
                _log.exception("a request was given up")
            finally:
                request.done()
            del request, body
