"""Security headers of every answer."""

from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from flask import Flask, Response, after_this_request

from issuer.web.urls import origin

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

HSTS = "max-age=31536000"
MOST_SHAPES = 256
"""Lists of header names, as our routes set them, for which it is remembered what is missing."""


def content_security_policy(destinations: Iterable[str]) -> str:
    """Return the policy (CSP Level 3) without inline code or content from elsewhere.

    Chromium applies `form-action` to the redirects that follow a form, so the origins to which a sign-in
    leads are in it.
    """
    targets = " ".join(["'self'", *sorted({_source(url) for url in destinations})])
    return (
        "default-src 'none'; style-src 'self'; img-src 'self'; "
        f"form-action {targets}; base-uri 'none'; frame-ancestors 'none'"
    )


def _source(destination: str) -> str:
    """Return the origin of a URL; any port (`http://127.0.0.1:*`) and a mere scheme are sources already."""
    return destination if destination.endswith((":*", ":")) else origin(destination)


def let_forms_lead_to(destinations: Iterable[str]) -> None:
    """Name where forms of the page in hand may lead: applications can be added while this process runs."""
    policy = content_security_policy(destinations)

    @after_this_request
    def name(answer: Response) -> Response:
        answer.headers["Content-Security-Policy"] = policy
        return answer


class SecurityHeaders:
    """Adds headers to every answer of a WSGI application; what the answer has already stays."""

    def __init__(self, app: "WSGIApplication", headers: dict[str, str]) -> None:
        """Wrap an application."""
        self._app = app
        self._headers = [(name, name.lower(), value) for name, value in headers.items()]
        self._missing = lru_cache(maxsize=MOST_SHAPES)(self._not_among)

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Answer a request."""

        def start(status: str, headers: list[tuple[str, str]], *error: Any) -> Any:
            ours = self._missing(tuple([name for name, _ in headers]))
            return start_response(status, headers + ours, *error)

        return self._app(environ, start)

    def _not_among(self, names: tuple[str, ...]) -> list[tuple[str, str]]:
        given = {name.lower() for name in names}
        return [(name, value) for name, lower, value in self._headers if lower not in given]


def register(app: Flask, destinations: Iterable[str], secure: bool) -> None:
    """Add the headers to every answer; what a route set itself stays.

    `Referrer-Policy: same-origin` and not `no-referrer`: with that, browsers send `Origin: null` from our own
    forms (Fetch §3.2). No `Cross-Origin-Opener-Policy`: it would cut sign-in popups off from their opener.
    """
    headers = {
        "Content-Security-Policy": content_security_policy(destinations),
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "same-origin",
        "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
        "Cache-Control": "no-store",
    }
    if secure:
        headers["Strict-Transport-Security"] = HSTS
    app.wsgi_app = SecurityHeaders(app.wsgi_app, headers)  # type: ignore[method-assign]
