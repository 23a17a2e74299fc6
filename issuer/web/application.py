"""The Flask application at its one address, without the parts of Flask that it has no use for."""

import string
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property, lru_cache
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from flask import Flask, Request, Response, request
from flask.globals import request_ctx
from flask.sessions import NullSession, SessionInterface
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import Headers, ImmutableMultiDict
from werkzeug.http import parse_cookie
from werkzeug.routing import MapAdapter

from issuer.runtime import LargeBody, ReceivedBody
from issuer.web.bounds import LONGEST_ADDRESS, LONGEST_COOKIES, LONGEST_HEADER
from issuer.web.proxy import FORWARDED, PEER, ForwardedAddress, ForwardedHeader, Network, written

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

ASCII = string.printable
LONGEST = {"HTTP_COOKIE": LONGEST_COOKIES}
MOST_SHAPES = 256
"""Lists of header names, as our routes set them, for which it is remembered what is missing."""


def request_in_hand() -> Request:
    """Return the request in hand itself; every use of Flask's `request` looks for it anew.

    Raises:
        RuntimeError: there is none.
    """
    found: Request = request._get_current_object()  # type: ignore[attr-defined]  # werkzeug.local, "Proxy"
    return found


def client_address_in_hand() -> str:
    """Return the address of the client of the request in hand, "" when it is unknown."""
    return request_in_hand().remote_addr or ""


class BufferedRequest(Request):
    """A request whose body our server has read and counted before anybody asks for it."""

    @cached_property
    def stream(self) -> IO[bytes]:
        """Return the body; of another server with werkzeug's guards around it."""
        received = self.environ.get("wsgi.input")
        return received if isinstance(received, ReceivedBody) else super().stream

    @cached_property
    def cookies(self) -> ImmutableMultiDict[str, str]:
        """Return the cookies that are ASCII, as ours are: one of a sister site that is not costs nothing."""
        header = self.environ.get("HTTP_COOKIE", "")
        if not header.isascii():
            header = ";".join(pair for pair in header.split(";") if pair.isascii())
        return parse_cookie(header, ImmutableMultiDict)  # type: ignore[return-value]


class PreparedResponse(Response):
    """An answer with all its headers; werkzeug would copy them, and look for what to add."""

    default_mimetype = None

    def __init__(
        self,
        content: bytes = b"",
        status: str = "200 OK",
        headers: Iterable[tuple[str, str]] | None = None,
    ) -> None:
        """Keep all of it; a `Location` must be a URI (RFC 3986) already."""
        fields = Headers()
        fields[:] = headers or ()
        super().__init__([content], status, fields)

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Answer with the headers as they are; to HEAD without content (RFC 9110 §9.3.2)."""
        start_response(self.status, list(self.headers))
        return () if environ["REQUEST_METHOD"] == "HEAD" else self.response  # type: ignore[return-value]


class NoSessions(SessionInterface):
    """Flask's own sessions, which nobody uses: the portal keeps its sessions in the store."""

    def open_session(self, app: Flask, request: Request) -> NullSession:  # noqa: ARG002 - Flask passes them
        """Return what refuses to be written to."""
        return NullSession()


class Application(Flask):
    """A Flask application whose scheme and host the configuration names; no request's `Host` is asked."""

    request_class = BufferedRequest
    session_interface = NoSessions()

    def __init__(self, name: str, public_url: str) -> None:
        super().__init__(name)
        self.large_bodies: dict[str, LargeBody] = {}
        """By path: what the server below may take."""
        address = urlsplit(public_url)
        self._scheme = address.scheme
        self._server_name = self.url_map.bind(address.netloc).server_name

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        """Return what leads a request to its route."""
        if request is None:
            return super().create_url_adapter(None)
        environ = request.environ
        return MapAdapter(
            self.url_map,
            self._server_name,
            script_name="/",
            subdomain="",
            url_scheme=self._scheme,
            path_info=environ["PATH_INFO"].encode("latin-1").decode(errors="replace"),  # PEP 3333
            default_method=environ["REQUEST_METHOD"],
            query_args=environ.get("QUERY_STRING", ""),
        )

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function: no view is a coroutine, and Flask would look at each anew."""
        return func

    def do_teardown_request(self, *error: BaseException | None) -> None:
        """Run what is registered to run after a request, if anything is."""
        if self.teardown_request_funcs:
            super().do_teardown_request(*error)

    def process_response(self, response: Response) -> Response:
        """Run what is registered to run on an answer, if anything is; there are no sessions to save."""
        if self.after_request_funcs or request_ctx._after_request_functions:
            return super().process_response(response)
        return response

    def preprocess_request(self) -> ResponseReturnValue | None:
        """Run what is registered to run before a request, if anything is."""
        if self.before_request_funcs or self.url_value_preprocessors:
            return super().preprocess_request()
        return None


class BoundedRequests:
    """Refuses requests whose address or headers are longer than any that is meant, before they are read.

    What is not ASCII in a query is percent-encoded, as browsers should have done (RFC 3986 §2.1): all that
    read it then read the same.
    """

    def __init__(self, app: "WSGIApplication") -> None:
        self._app = app

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Answer a request; one that is too long with 414 (RFC 9110 §15.5.15) or 431 (RFC 6585 §5)."""
        query = environ["QUERY_STRING"]
        if not query.isascii() and len(query) <= LONGEST_ADDRESS:
            environ["QUERY_STRING"] = query = quote(query.encode("latin-1"), safe=ASCII)
        if len(environ["PATH_INFO"]) > LONGEST_ADDRESS or len(query) > LONGEST_ADDRESS:
            return _refused("414 URI Too Long", start_response)
        for name, value in environ.items():
            if name.startswith("HTTP_") and len(value) > LONGEST.get(name, LONGEST_HEADER):
                return _refused("431 Request Header Fields Too Large", start_response)
        return self._app(environ, start_response)


def _refused(status: str, start_response: "StartResponse") -> Iterable[bytes]:
    """Answer in plain text: the pages look at what was sent."""
    start_response(status, [("Content-Type", "text/plain; charset=utf-8")])
    return [f"{status}\n".encode()]


class SecurityHeaders:
    """Adds headers to every answer of a WSGI application; what the answer has already stays."""

    def __init__(self, app: "WSGIApplication", headers: dict[str, str], of_pages: dict[str, str]) -> None:
        """Wrap an application; pages (HTML) have some headers of their own in the place of the others'."""
        self._app = app
        self._headers, self._of_pages = _lowered(headers), _lowered({**headers, **of_pages})
        self._missing = lru_cache(maxsize=MOST_SHAPES)(self._not_among)

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Answer a request."""

        def start(status: str, headers: list[tuple[str, str]], *error: Any) -> Any:
            is_page = any(value.startswith("text/html") for name, value in headers if name == "Content-Type")
            ours = self._missing(is_page, tuple([name for name, _ in headers]))
            return start_response(status, headers + ours, *error)

        return self._app(environ, start)

    def _not_among(self, is_page: bool, names: tuple[str, ...]) -> list[tuple[str, str]]:
        given = {name.lower() for name in names}
        ours = self._of_pages if is_page else self._headers
        return [(name, value) for name, lower, value in ours if lower not in given]


def _lowered(headers: dict[str, str]) -> list[tuple[str, str, str]]:
    return [(name, name.lower(), value) for name, value in headers.items()]


class TrustedProxies:
    """Takes the client's address from the one forwarded header that is read (`issuer.web.proxy`).

    Every forwarded header is dropped, so that nothing behind this ever sees one that a stranger sent. Scheme
    and host are never taken from headers: the configured public URL has them.
    """

    def __init__(
        self, app: "WSGIApplication", trusted: Sequence[Network], header: ForwardedHeader = "X-Forwarded-For"
    ) -> None:
        self._app = app
        self._address = ForwardedAddress(trusted, header)

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Answer a request with the right `REMOTE_ADDR`; it is "" when nobody can tell it."""
        environ[PEER] = peer = str(environ.get("REMOTE_ADDR", ""))
        forwarded = "HTTP_X_FORWARDED_FOR" in environ or "HTTP_FORWARDED" in environ
        environ["REMOTE_ADDR"] = self._address.read(peer, environ) if forwarded else written(peer)
        for name in FORWARDED:
            environ.pop(name, None)
        return self._app(environ, start_response)
