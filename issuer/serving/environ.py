"""The WSGI environment (PEP 3333) of a request that Granian hands over as an RSGI scope."""

import sys
from typing import TYPE_CHECKING, Any, Protocol

from issuer.received import Received

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment


class Headers(Protocol):
    """The header fields of a request, names in lower case."""

    def __contains__(self, name: str) -> bool: ...

    def get(self, name: str, default: Any = None) -> Any:
        """Return the first value of a field."""
        ...

    def items(self) -> list[tuple[str, str]]:
        """Return every field, in the order of arrival; Granian leaves out those that are not ASCII."""
        ...


class Scope(Protocol):
    """What is known of a request before its body is read (RSGI 1.5, HTTP scope)."""

    method: str
    path: str
    query_string: str
    http_version: str
    scheme: str
    client: str
    server: str
    headers: Headers


CONSTANT: "WSGIEnvironment" = {
    "SCRIPT_NAME": "",
    "wsgi.version": (1, 0),
    "wsgi.multithread": True,
    "wsgi.multiprocess": True,
    "wsgi.run_once": False,
}
REPEATED = "issuer.repeated"
"""The key of the header fields that came more than once, as the environment names them; absent: none."""
LENGTH_HEADERS = ("content-length", "transfer-encoding")
UNPREFIXED = {"CONTENT_TYPE"}


def environ_of(scope: Scope, body: bytes) -> "WSGIEnvironment":
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
        "wsgi.input": Received(body),
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
