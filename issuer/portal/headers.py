"""Security headers of every answer."""

from collections.abc import Iterable

from flask import Flask
from werkzeug.wrappers import Response

from issuer.portal.urls import origin

HSTS = "max-age=31536000"


def content_security_policy(destinations: Iterable[str]) -> str:
    """Return the policy (CSP Level 3) without inline code or content from elsewhere.

    Chromium applies `form-action` to the redirects that follow a form, so the origins to which a sign-in
    leads are in it.
    """
    targets = " ".join(["'self'", *sorted({origin(url) for url in destinations})])
    return (
        "default-src 'none'; style-src 'self'; img-src 'self'; "
        f"form-action {targets}; base-uri 'none'; frame-ancestors 'none'"
    )


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
    }
    if secure:
        headers["Strict-Transport-Security"] = HSTS

    def add(response: Response) -> Response:
        for name, value in headers.items():
            response.headers.setdefault(name, value)
        response.headers.setdefault("Cache-Control", "no-store")
        return response

    app.after_request(add)
