"""WSGI (PEP 3333) on Granian's RSGI: the environment of a request, the run of the application, its answer."""

import logging
import sys
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from issuer.runtime import KEY, REPEATED, DeferredResponse, ReceivedBody

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment
if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication, WSGIEnvironment


class RsgiHeaders(Protocol):
    """The header fields of a request, names in lower case."""

    def __contains__(self, name: str) -> bool: ...

    def get(self, name: str, default: Any = None) -> Any:
        """Return the first value of a field."""
        ...

    def items(self) -> list[tuple[str, str]]:
        """Return every field, in the order of arrival; Granian leaves out those that are not ASCII."""
        ...


class RsgiScope(Protocol):
    """What is known of a request before its body is read (RSGI 1.5, HTTP scope)."""

    method: str
    path: str
    query_string: str
    http_version: str
    scheme: str
    client: str
    server: str
    headers: RsgiHeaders


CONSTANT: "WSGIEnvironment" = {
    "SCRIPT_NAME": "",
    "wsgi.version": (1, 0),
    "wsgi.multithread": True,
    "wsgi.multiprocess": True,
    "wsgi.run_once": False,
}
LENGTH_HEADERS = ("content-length", "transfer-encoding")
UNPREFIXED = {"CONTENT_TYPE"}


def environ_of(scope: RsgiScope, body: bytes) -> "WSGIEnvironment":
    """Return the environment; the body has arrived, so its length is known however it was sent."""
    server, _, port = scope.server.rpartition(":")
    environ: WSGIEnvironment = {
        **CONSTANT,
        "REQUEST_METHOD": scope.method,
        "PATH_INFO": scope.path.encode().decode("latin-1"),  # PEP 3333, "Unicode Issues"
        "QUERY_STRING": scope.query_string,
        "SERVER_PROTOCOL": "HTTP/1.1" if scope.http_version == "1.1" else "HTTP/1.0",
        "SERVER_NAME": server.strip("[]"),
        "SERVER_PORT": port,
        "REMOTE_ADDR": scope.client.rpartition(":")[0].strip("[]"),
        "wsgi.url_scheme": scope.scheme,
        "wsgi.input": ReceivedBody(body),
        "wsgi.errors": sys.stderr,
    }
    if body:
        environ["CONTENT_LENGTH"] = str(len(body))
    _add_headers(environ, scope.headers.items())
    return environ


def _add_headers(environ: "WSGIEnvironment", headers: list[tuple[str, str]]) -> None:
    for name, value in headers:
        # `X_Forwarded_For` would come out as `X-Forwarded-For` does, past a proxy that sets only the latter.
        if "_" in name or name in LENGTH_HEADERS:
            continue
        key = name.upper().replace("-", "_")
        if key not in UNPREFIXED:
            key = f"HTTP_{key}"
        if key in environ:
            environ[REPEATED] = environ.get(REPEATED, frozenset()) | {key}
            # RFC 9110 §5.3; RFC 6265 §5.4 gives cookies a separator of their own
            value = f"{environ[key]}{'; ' if name == 'cookie' else ', '}{value}"  # noqa: PLW2901
        environ[key] = value


_log = logging.getLogger(__name__)

Fields = list[tuple[str, str]]
TEXTS = {
    400: "The body of this request did not arrive in full.\n",
    408: "The body of this request took too long to arrive.\n",
    413: "The body of this request is too large.\n",
    500: "Something went wrong here.\n",
    503: "This service is busy right now. Please try again in a moment.\n",
}


class RsgiProtocol(Protocol):
    """How Granian gives the body of a request and takes the answer (RSGI 1.5, HTTP protocol)."""

    def __call__(self) -> Awaitable[bytes]:
        """Return the whole body."""
        ...

    def __aiter__(self) -> "RsgiProtocol": ...

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


class CompleteResponse(NamedTuple):
    """An answer that is complete."""

    status: int
    headers: Fields
    content: bytes

    def send(self, exchange: RsgiProtocol) -> None:
        """Send it; from any thread."""
        exchange.response_bytes(self.status, self.headers, self.content)

    def filled(self, content: bytes) -> "CompleteResponse":
        """Return the same answer with another content."""
        headers = [field for field in self.headers if field[0].lower() != "content-length"]
        headers.append(("content-length", str(len(content))))
        return CompleteResponse(self.status, headers, content)


def answer(
    app: "WSGIApplication", scope: RsgiScope, body: bytes, deferred: DeferredResponse | None
) -> CompleteResponse:
    """Return the answer to a request, complete before it is sent: so a failure is always a clean 500."""
    environ = environ_of(scope, body)
    if deferred:
        environ[KEY] = deferred
    try:
        return _run(app, environ)
    except Exception:
        _log.exception("the application failed")
        if deferred:
            deferred.send_after = None
        return error_answer(500)


def error_answer(status: int) -> CompleteResponse:
    """Return an error of the server itself."""
    headers = [("content-type", "text/plain; charset=utf-8"), ("cache-control", "no-store")]
    if status == 503:
        headers.append(("retry-after", "1"))
    return CompleteResponse(status, headers, TEXTS[status].encode())


def _run(app: "WSGIApplication", environ: "WSGIEnvironment") -> CompleteResponse:
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
    return CompleteResponse(started.status, started.headers, content)
