"""Addresses of our own: where a browser may be sent back to after sign-in."""

from urllib.parse import quote, urlsplit

from werkzeug.wrappers import Request

LONGEST = 8000
SAFE_IN_PATH = "/-._~!$&'()*+,;=:@"


def safe_next(wanted: str | None) -> str:
    """Return `wanted` when it is a path (with query) on this host, else "/".

    A browser reads `//host`, `/\\host` and a path with tabs or newlines as another host (WHATWG URL §4.4), so
    only printable ASCII without backslash passes, and the second character is no slash.
    """
    if not wanted or len(wanted) > LONGEST or not wanted.startswith("/") or wanted.startswith("//"):
        return "/"
    if "\\" in wanted or any(not "!" <= character <= "~" for character in wanted):
        return "/"
    return wanted


def requested(request: Request) -> str:
    """Return the path and query of a request, as a browser sends them."""
    path = quote(request.path, safe=SAFE_IN_PATH)
    query = quote(request.query_string, safe=SAFE_IN_PATH + "?%[]")
    return f"{path}?{query}" if query else path


def origin(url: str) -> str:
    """Return the origin of an http(s) URL (RFC 6454 §6.2), without a default port."""
    parts = urlsplit(url)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    default = {"http": 80, "https": 443}[parts.scheme]
    port = f":{parts.port}" if parts.port and parts.port != default else ""
    return f"{parts.scheme}://{host}{port}"
