"""Redirect URIs: which ones a client may register, and which one of a request is meant."""

import re
from urllib.parse import urlsplit

LONGEST = 2000
LOOPBACK = re.compile(r"http://(127\.0\.0\.1|\[::1\])(?::(\d{1,5}))?((?:[/?].*)?)", re.ASCII)
NEVER = {"javascript", "data", "vbscript", "file", "blob", "about", "ws", "wss", "ftp"}


def clean_redirect_uri(text: str) -> str:
    """Return a redirect URI that can be registered.

    Raises:
        ValueError: it is not absolute, has a fragment (RFC 6749 §3.1.2), or leads where everybody listens in.
    """
    if len(text) > LONGEST or not all("!" <= character <= "~" for character in text) or "\\" in text:
        raise ValueError("not a URI: write it as the application sends it, percent-encoded")
    parts = urlsplit(text)
    if not parts.scheme or parts.fragment or "#" in text or "*" in text:
        raise ValueError("must be the whole address, without # and without *")
    if parts.scheme in {"http", "https"}:
        _check_web(text, parts.scheme)
    elif parts.scheme in NEVER or "." not in parts.scheme:
        # RFC 8252 §7.1: a scheme of one's own is a domain name backwards.
        raise ValueError(
            "must begin with https:, or with a scheme that has a dot, as in com.example.app:/back"
        )
    return text


def _check_web(text: str, scheme: str) -> None:
    parts = urlsplit(text)
    if not parts.hostname or parts.username is not None or parts.password is not None:
        raise ValueError("must have a host, and no user")
    parts.port  # noqa: B018 - raises ValueError when the port is out of range
    # OAuth 2.1 §2.3.1: http is for loopback alone.
    if scheme == "http" and not (LOOPBACK.fullmatch(text) or parts.hostname == "localhost"):
        raise ValueError("must begin with https: (http is for 127.0.0.1, [::1] and localhost only)")


def any_port(registered: str) -> bool:
    """Tell whether a registered URI is one of a native application: on loopback, without a port."""
    match = LOOPBACK.fullmatch(registered)
    return match is not None and match[2] is None


def matches(registered: str, asked: str) -> bool:
    """Tell whether a URI is the registered one: letter by letter (RFC 9700 §2.1).

    For native applications the port is free (RFC 8252 §7.3).
    """
    if registered == asked:
        return True
    match = LOOPBACK.fullmatch(asked)
    if match is None or not any_port(registered):
        return False
    port = int(match[2] or 80)
    return 0 < port < 65536 and registered == f"http://{match[1]}{match[3]}"


def destination(registered: str) -> str:
    """Return what a page's policy must allow for forms that lead to a URI (CSP Level 3 §2.3.1)."""
    parts = urlsplit(registered)
    if parts.scheme not in {"http", "https"}:
        return f"{parts.scheme}:"
    if any_port(registered):
        return f"{parts.scheme}://{parts.netloc}:*"
    return f"{parts.scheme}://{parts.netloc}"
