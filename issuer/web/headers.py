"""Security headers of every answer."""

from collections.abc import Iterable

from flask import Flask, Response, after_this_request

from issuer.settings.types import origin
from issuer.web.application import BoundedRequests, SecurityHeaders

HSTS = "max-age=31536000"
NOTHING = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
"""The policy of what is no page."""
SCRIPTS = "script-src 'self'; "


def content_security_policy(destinations: Iterable[str], *, scripts: bool = False) -> str:
    """Return the policy (CSP Level 3) without inline code or content from elsewhere.

    Chromium applies `form-action` to the redirects that follow a form, so the origins to which a sign-in
    leads are in it.

    Args:
        destinations: URLs to which forms of the page may lead, besides ours.
        scripts: the page may load our own files of code.
    """
    targets = " ".join(["'self'", *sorted({_source(url) for url in destinations})])
    return (
        f"default-src 'none'; {SCRIPTS if scripts else ''}style-src 'self'; img-src 'self'; "
        f"form-action {targets}; base-uri 'none'; frame-ancestors 'none'"
    )


def _source(destination: str) -> str:
    """Return the origin of a URL; any port (`http://127.0.0.1:*`) and a mere scheme are sources already."""
    return destination if destination.endswith((":*", ":")) else origin(destination)


def let_forms_lead_to(destinations: Iterable[str]) -> None:
    """Name where forms of the page in hand may lead, and nowhere else: every visitor reads that."""
    policy = content_security_policy(destinations)

    @after_this_request
    def name(answer: Response) -> Response:
        answer.headers["Content-Security-Policy"] = policy
        return answer


def register(app: Flask, destinations: Iterable[str], secure: bool) -> None:
    """Add the headers to every answer; what a route set itself stays.

    `destinations` are those of every page: of the button "Sign out".

    `Referrer-Policy: same-origin` and not `no-referrer`: with that, browsers send `Origin: null` from our own
    forms (Fetch §3.2). No `Cross-Origin-Opener-Policy`: it would cut sign-in popups off from their opener.
    """
    headers = {
        "Content-Security-Policy": NOTHING,
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "same-origin",
        "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
        "Cache-Control": "no-store",
    }
    of_pages = {"Content-Security-Policy": content_security_policy(destinations)}
    if secure:
        headers["Strict-Transport-Security"] = HSTS
    app.wsgi_app = SecurityHeaders(BoundedRequests(app.wsgi_app), headers, of_pages)  # type: ignore[method-assign]
