"""Leads each request to a thread: at once when it has no body, else when its body has arrived."""

import asyncio
import logging
import threading
from collections.abc import Mapping
from functools import partial
from queue import SimpleQueue
from typing import TYPE_CHECKING, Protocol

from issuer import runtime
from issuer.runtime import DeferredResponse, LargeBody
from issuer.serving.leader_followers import Job, LeaderFollowers
from issuer.serving.options import ServeOptions
from issuer.serving.request_bodies import (
    BodyArrivals,
    BodyError,
    authorization,
    declared_length,
    drain,
    read_body,
)
from issuer.serving.wsgi import AsgiProtocol, AsgiScope, CompleteResponse, answer, error_answer

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

_log = logging.getLogger(__name__)

MOST_APART = 64
"""Requests of a path with a thread of its own that may wait for it."""
MOST_DRAINED = 1024 * 1024
"""Bytes of a body that is too large that are read and thrown away after the answer."""


class Request(Protocol):
    """A request as Granian schedules it."""

    scope: AsgiScope
    proto: AsgiProtocol

    def done(self) -> None:
        """Tell Granian that nobody will answer any more."""
        ...


class Dispatcher:
    """The request threads of a worker."""

    def __init__(
        self, app: "WSGIApplication", options: ServeOptions, loop: asyncio.AbstractEventLoop
    ) -> None:
        self._app = app
        self._options = options
        self._loop = loop
        self._leaders = LeaderFollowers(loop, options.threads)
        self._deferred: set[Request] = set()
        self._large: Mapping[str, LargeBody] = getattr(app, "large_bodies", {})
        self._arrivals = BodyArrivals(loop, options.body_seconds)
        self._readers: set[asyncio.Task[None]] = set()
        self._apart = {path: SimpleQueue[Request]() for path in options.apart}
        for path, queue in self._apart.items():
            threading.Thread(
                target=self._work_apart, args=[queue], name=f"request{path}", daemon=True
            ).start()
        if options.threads == 1:
            threading.Thread(target=self._work_last, name="request-last", daemon=True).start()
        for number in range(options.threads):
            threading.Thread(target=self._work, name=f"request-{number + 1}", daemon=True).start()

    def schedule(self, request: Request) -> None:
        """Take a request from Granian, on a thread of Granian's."""
        length = declared_length(request.scope["headers"])
        if length == 0 and (queue := self._apart.get(request.scope["path"])) is not None:
            self._enqueue_apart(queue, request)
        elif length == 0:
            self._enqueue(request, b"")
        elif length is not None and length <= self._options.body_limit:
            self._arrivals.expect(
                request.proto,
                length,
                lambda body: self._enqueue(request, body),
                lambda status: _finish(request, error_answer(status)),
            )
        else:
            self._loop.call_soon_threadsafe(self._read, request)

    def _read(self, request: Request) -> None:
        reader = self._loop.create_task(self._receive(request))
        self._readers.add(reader)
        reader.add_done_callback(self._readers.discard)

    async def _receive(self, request: Request) -> None:
        seconds = self._options.body_seconds
        try:
            length = declared_length(request.scope["headers"])
            body = await read_body(request.proto, length, self._limit(request.scope), seconds)
        except BodyError as error:
            error_answer(error.status).send(request.proto)
            if error.status == 413:
                await drain(request.proto, MOST_DRAINED, seconds)
            request.done()
        else:
            self._enqueue(request, body)

    def _limit(self, scope: AsgiScope) -> int:
        """Return how many bytes a body may have that does not come whole, or is large."""
        if large := self._large.get(scope["path"]):
            limit, admits = large
            if admits(authorization(scope["headers"])):
                return limit
        return self._options.body_limit

    def _enqueue(self, request: Request, body: bytes) -> None:
        if len(self._leaders) + len(self._deferred) >= self._options.waiting:
            _finish(request, error_answer(503))
        else:
            self._leaders.put(partial(self._answer, request, body, may_wait=True))

    @staticmethod
    def _enqueue_apart(queue: SimpleQueue[Request], request: Request) -> None:
        if queue.qsize() >= MOST_APART:
            _finish(request, error_answer(503))
        else:
            queue.put(request)

    def _work_apart(self, queue: SimpleQueue[Request]) -> None:
        while True:
            request = queue.get()
            try:
                self._answer(request, b"", may_wait=False)
            except BaseException:
                _log.exception("a request was given up")

    def _work(self) -> None:
        while True:
            term = self._leaders.wait()
            runtime.on_block(partial(self._leaders.promote, term))
            while job := self._leaders.take(term):
                try:
                    last = job()
                except BaseException:
                    _log.exception("a job was given up")
                else:
                    if last:
                        self._leaders.put_last(last, term)

    def _work_last(self) -> None:
        while True:
            job = self._leaders.wait_for_last()
            try:
                job()
            except BaseException:
                _log.exception("a job was given up")

    def _answer(self, request: Request, body: bytes, *, may_wait: bool) -> Job | None:
        """Answer a request; return what must be done once before its answer may leave, if anything."""
        deferred = DeferredResponse() if may_wait else None
        try:
            complete = answer(self._app, request.scope, body, deferred)
            if not deferred or not deferred.send_after:
                _finish(request, complete)
                return None
            self._deferred.add(request)
            deferred.send_after(lambda outcome: self._leave(request, body, complete, outcome))
        except BaseException:
            self._deferred.discard(request)
            request.done()
            raise
        return deferred.on_idle

    def _leave(
        self, request: Request, body: bytes, complete: CompleteResponse, outcome: bytes | Exception | None
    ) -> None:
        self._deferred.discard(request)
        if isinstance(outcome, runtime.UnknownOutcome):
            _finish(request, error_answer(503))
        elif isinstance(outcome, Exception):
            self._leaders.put(partial(self._answer, request, body, may_wait=False))
        else:
            _finish(request, complete if outcome is None else complete.filled(outcome))


def _finish(request: Request, complete: CompleteResponse) -> None:
    try:
        complete.send(request.proto)
    finally:
        request.done()
