"""Runs the WSGI application for one request and sends what it answers."""

import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from issuer.deferral import KEY, Deferral
from issuer.serving.environ import Scope, environ_of

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication, WSGIEnvironment

_log = logging.getLogger(__name__)

Fields = list[tuple[str, str]]
TEXTS = {
    400: "The body of this request did not arrive in full.\n",
    408: "The body of this request took too long to arrive.\n",
    413: "The body of this request is too large.\n",
    500: "Something went wrong here.\n",
    503: "This service is busy right now. Please try again in a moment.\n",
}


class Exchange(Protocol):
    """How Granian gives the body of a request and takes the answer (RSGI 1.5, HTTP protocol)."""

    def __call__(self) -> Awaitable[bytes]:
        """Return the whole body."""
        ...

    def __aiter__(self) -> "Exchange": ...

    async def __anext__(self) -> bytes: ...

    def response_bytes(self, status: int, headers: Fields, body: bytes) -> None:
        """Send the answer; may be called from any thread."""
        ...


class Started:
    """What the application told `start_response`."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: Fields = []
        self.written: list[bytes] = []

    def __call__(self, status: str, headers: Fields, _exc_info: Any = None) -> Callable[[bytes], object]:
        """Take status and headers (PEP 3333, `start_response`); nothing was sent yet, so they may change."""
        self.status, self.headers = int(status[:3]), headers
        return self.written.append


class Answer(NamedTuple):
    """An answer that is complete."""

    status: int
    headers: Fields
    content: bytes

    def send(self, exchange: Exchange) -> None:
        """Send it; from any thread."""
        exchange.response_bytes(self.status, self.headers, self.content)

    def filled(self, content: bytes) -> "Answer":
        """Return the same answer with another content."""
        headers = [field for field in self.headers if field[0].lower() != "content-length"]
        headers.append(("content-length", str(len(content))))
        return Answer(self.status, headers, content)


def answer(app: "WSGIApplication", scope: Scope, body: bytes, deferral: Deferral | None) -> Answer:
    """Return the answer to a request, complete before it is sent: so a failure is always a clean 500."""
    environ = environ_of(scope, body)
    if deferral:
        environ[KEY] = deferral
    try:
        return _run(app, environ)
    except Exception:
        _log.exception("the application failed")
        if deferral:
            deferral.begin = None
        return error_answer(500)


def error_answer(status: int) -> Answer:
    """Return an error of the server itself."""
    headers = [("content-type", "text/plain; charset=utf-8"), ("cache-control", "no-store")]
    if status == 503:
        headers.append(("retry-after", "1"))
    return Answer(status, headers, TEXTS[status].encode())


def _run(app: "WSGIApplication", environ: "WSGIEnvironment") -> Answer:
    started = Started()
    chunks = app(environ, started)
    try:
        content = b"".join([*started.written, *chunks])
    finally:
        if close := getattr(chunks, "close", None):
            close()
    if not started.status:
        raise RuntimeError("the application did not call start_response")
    if not "".join([value for _, value in started.headers]).isascii():
        raise RuntimeError("the application set a header that is not ASCII")
    return Answer(started.status, started.headers, content)
