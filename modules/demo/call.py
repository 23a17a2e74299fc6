"""The call page: it stands in for an application of yours that joins LiveKit calls."""

from collections.abc import Callable
from urllib.parse import urlsplit

from flask import Blueprint, Flask, Response, render_template
from flask.typing import ResponseReturnValue

from issuer.settings.types import origin
from issuer.web.language import Language


class CallPage:
    """A page of its own origin, which asks the portal for LiveKit tokens with the session of the browser."""

    def __init__(self, public_url: str, token_path: str, sfu_url: str) -> None:
        self._portal = origin(public_url)
        self._token_url = f"{self._portal}{token_path}"
        self._sfu_url = sfu_url

    def app(self, name: str) -> Flask:
        """Return the page as an application of its own."""
        app = Flask("issuer")
        routes = Blueprint(
            "demo", __name__, template_folder="templates", static_folder="static", static_url_path="/own"
        )
        routes.add_url_rule("/", "home", self.home)
        app.register_blueprint(routes)
        language = Language(app, lambda _request: "")
        site = {"name": name, "demo": True}
        app.context_processor(lambda: {"site": site, "person": None, "lang": language.current()})
        app.after_request(harden(self.policy()))
        return app

    def policy(self) -> str:
        """Return the Content-Security-Policy: our own scripts, and nobody to talk to but portal and SFU."""
        sfu = urlsplit(self._sfu_url)
        secure = sfu.scheme in {"wss", "https"}
        schemes = ("wss", "https") if secure else ("ws", "http")
        peers = " ".join([self._portal, *(f"{scheme}://{sfu.netloc}" for scheme in schemes)])
        return (
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
            f"connect-src {peers}; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
        )

    def home(self) -> ResponseReturnValue:
        """Show the page; what happens on it is in `static/call.js`."""
        return render_template(
            "demo/call.html",
            token_url=self._token_url,
            portal=self._portal,
            sfu_url=self._sfu_url,
        )


def harden(policy: str) -> Callable[[Response], Response]:
    """Return what adds the security headers of a page of the demo."""

    def add(response: Response) -> Response:
        response.headers["Content-Security-Policy"] = policy
        response.headers["Referrer-Policy"] = "no-referrer"
        response.headers["Cache-Control"] = "no-store"
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response

    return add
