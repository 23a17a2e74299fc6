"""WSGI (PEP 3333) on Granian's ASGI: the environment of a request, the run of the application, its answer.

Of Granian's interfaces ASGI alone hands over header fields as they came: RSGI leaves out those that are not
ASCII, and WSGI empties them. Nothing is awaited: a message may be sent from any thread.
"""

import logging
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypedDict

from issuer.runtime import KEY, REPEATED, DeferredResponse, ReceivedBody

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication, WSGIEnvironment

_log = logging.getLogger(__name__)

RawFields = list[tuple[bytes, bytes]]
"""Header fields, in the order of arrival, names in lower case."""


class AsgiScope(TypedDict):
    """What is known of a request before its body is read (ASGI 3.0, HTTP connection scope)."""

    method: str
    path: str
    query_string: bytes
    http_version: str
    scheme: str
    client: tuple[str, str]
    server: tuple[str, str]
    headers: RawFields


CONSTANT: "WSGIEnvironment" = {
    "SCRIPT_NAME": "",
    "wsgi.version": (1, 0),
    "wsgi.multithread": True,
    "wsgi.multiprocess": True,
    "wsgi.run_once": False,
}
LENGTH_HEADERS = (b"content-length", b"transfer-encoding")
UNPREFIXED = {"CONTENT_TYPE"}


def environ_of(scope: AsgiScope, body: bytes) -> "WSGIEnvironment":
    """Return the environment; the body has arrived, so its length is known however it was sent."""
    server, port = scope["server"]
    environ: WSGIEnvironment = {
        **CONSTANT,
        "REQUEST_METHOD": scope["method"],
        "PATH_INFO": scope["path"].encode().decode("latin-1"),  # PEP 3333, "Unicode Issues"
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_PROTOCOL": "HTTP/1.1" if scope["http_version"] == "1.1" else "HTTP/1.0",
        "SERVER_NAME": server,
        "SERVER_PORT": port,
        "REMOTE_ADDR": scope["client"][0],
        "wsgi.url_scheme": scope["scheme"],
        "wsgi.input": ReceivedBody(body),
        "wsgi.errors": sys.stderr,
    }
    if body:
        environ["CONTENT_LENGTH"] = str(len(body))
    _add_headers(environ, scope["headers"])
    return environ


def _add_headers(environ: "WSGIEnvironment", headers: RawFields) -> None:
    for name, raw in headers:
        # `X_Forwarded_For` would come out as `X-Forwarded-For` does, past a proxy that sets only the latter.
        if b"_" in name or name in LENGTH_HEADERS:
            continue
        key, value = name.decode("ascii").upper().replace("-", "_"), raw.decode("latin-1")
        if key not in UNPREFIXED:
            key = f"HTTP_{key}"
        if key in environ:
            environ[REPEATED] = environ.get(REPEATED, frozenset()) | {key}
            # RFC 9110 §5.3; RFC 6265 §5.4 gives cookies a separator of their own
            value = f"{environ[key]}{'; ' if name == b'cookie' else ', '}{value}"
        environ[key] = value


Fields = list[tuple[str, str]]
ERROR_HEADERS: Fields = [
    ("content-type", "text/plain; charset=utf-8"),
    ("cache-control", "no-store"),
    (
        "content-security-policy",
        "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "same-origin"),
]
TEXTS = {
    400: "The body of this request did not arrive in full.\n",
    408: "The body of this request took too long to arrive.\n",
    413: "The body of this request is too large.\n",
    500: "Something went wrong here.\n",
    503: "This service is busy right now. Please try again in a moment.\n",
}


class AsgiProtocol(Protocol):
    """How Granian gives the body of a request and takes the answer (ASGI 3.0, HTTP)."""

    def receive(self) -> Any:
        """Return what can be awaited for the next message of the body."""
        ...

    def send(self, message: dict[str, Any]) -> object:
        """Send a message of the answer; may be called from any thread."""
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

    def send(self, exchange: AsgiProtocol) -> None:
        """Send it; from any thread."""
        headers = [(name.encode("ascii"), value.encode("ascii")) for name, value in self.headers]
        exchange.send({"type": "http.response.start", "status": self.status, "headers": headers})
        exchange.send({"type": "http.response.body", "body": self.content})

    def filled(self, content: bytes) -> "CompleteResponse":
        """Return the same answer with another content."""
        headers = [field for field in self.headers if field[0].lower() != "content-length"]
        headers.append(("content-length", str(len(content))))
        return CompleteResponse(self.status, headers, content)


def answer(
    app: "WSGIApplication", scope: AsgiScope, body: bytes, deferred: DeferredResponse | None
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
    headers = [*ERROR_HEADERS]
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
