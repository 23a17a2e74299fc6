"""The cookies of the portal: the session, that and how this browser signed in before, an unfinished step."""

import re
from typing import TYPE_CHECKING

from werkzeug.wrappers import Request, Response

from issuer.settings.models import Settings

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment


class Cookies:
    """Names and attributes of our cookies (RFC 6265bis §4.1.3: `__Host-` binds one to this very host)."""

    def __init__(self, settings: Settings) -> None:
        """Choose names: with https `__Host-` and `Secure`."""
        self._secure = settings.secure
        self._memory = int(settings.sign_in.browser_memory)
        prefix = "__Host-" if self._secure else ""
        self.session_name = f"{prefix}issuer_session"
        self.browser_name = f"{prefix}issuer_browser"
        self.way_name = f"{prefix}issuer_way"
        self.pending_name = f"{prefix}issuer_step"
        self._session = re.compile(rf"(?:^|;)[ \t]*{self.session_name}=([^;]*)")

    def session(self, environ: "WSGIEnvironment") -> str | None:
        """Return the session id that the browser holds; of several the first (RFC 6265 §5.4)."""
        found = self._session.search(environ.get("HTTP_COOKIE", ""))
        return found[1].strip() if found else None

    def browser(self, request: Request) -> str | None:
        """Return the token of a browser that signed in before."""
        return request.cookies.get(self.browser_name)

    def pending(self, request: Request) -> str | None:
        """Return the id of the step that the browser has not finished."""
        return request.cookies.get(self.pending_name)

    def set_session(self, response: Response, session_id: str) -> None:
        """Give the browser a session id, until it is closed."""
        self._set(response, self.session_name, session_id, None)

    def set_browser(self, response: Response, token: str) -> None:
        """Let the browser remember that it signed in."""
        self._set(response, self.browser_name, token, self._memory)

    def way(self, request: Request) -> str | None:
        """Return the redirect backend that the browser signed in by last, unless it signed out."""
        return request.cookies.get(self.way_name)

    def set_way(self, response: Response, instance: str) -> None:
        """Let the browser remember the redirect backend that it signed in by."""
        self._set(response, self.way_name, instance, self._memory)

    def forget_way(self, response: Response) -> Response:
        """Let the browser forget it; return the response."""
        return self._forget(response, self.way_name)

    def set_pending(self, response: Response, step_id: str, seconds: int) -> None:
        """Give the browser the id of a step, for so long."""
        self._set(response, self.pending_name, step_id, seconds)

    def forget_session(self, response: Response) -> None:
        """Take the session id back."""
        self._forget(response, self.session_name)

    def forget_pending(self, response: Response) -> None:
        """Take the id of a step back."""
        self._forget(response, self.pending_name)

    def _forget(self, response: Response, name: str) -> Response:
        response.delete_cookie(name, path="/", secure=self._secure, httponly=True, samesite="Lax")
        return response

    def _set(self, response: Response, name: str, value: str, max_age: int | None) -> None:
        response.set_cookie(
            name, value, max_age=max_age, path="/", secure=self._secure, httponly=True, samesite="Lax"
        )
