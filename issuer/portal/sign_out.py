"""The sign-out: a button, and what it does here and at the server that signed the person in."""

import logging
from collections.abc import Mapping

from flask import Blueprint, redirect, render_template
from flask.typing import ResponseReturnValue

from issuer.authentication.current_session import CurrentSession
from issuer.authentication.sessions import PortalSessions
from issuer.backend import Backend
from issuer.errors import UnavailableError
from issuer.observability import audit
from issuer.store import Session
from issuer.web.cookies import Cookies

_log = logging.getLogger(__name__)


class SignOutPage:
    """Ends sessions; a GET never signs anybody out."""

    def __init__(
        self,
        current: CurrentSession,
        cookies: Cookies,
        sessions: PortalSessions,
        backends: Mapping[str, Backend],
    ) -> None:
        self._current = current
        self._cookies = cookies
        self._sessions = sessions
        self._backends = backends

    def blueprint(self) -> Blueprint:
        """Return `/logout`."""
        routes = Blueprint("sign_out", __name__)
        routes.add_url_rule("/logout", "show", self.show)
        routes.add_url_rule("/logout", "submit", self.submit, methods=["POST"])
        return routes

    def show(self) -> ResponseReturnValue:
        """Show the button."""
        return render_template("logout.html", signed_out=self._current.session() is None)

    def submit(self) -> ResponseReturnValue:
        """End the session, and send the browser to sign out elsewhere too, if there is such a place."""
        self._current.check_origin()
        session = self._current.session()
        elsewhere = self._end(session) if session else None
        answer = redirect(elsewhere or "/logout", 303)
        self._cookies.forget_session(answer)
        self._cookies.forget_way(answer)
        return answer

    def _end(self, session: Session) -> str | None:
        """End a session; return where to sign out besides."""
        self._sessions.end(session)
        audit.signed_out(session.identity, self._current.address())
        backend = self._backends.get(session.identity.backend)
        if backend is None:
            return None
        try:
            return backend.sign_out(session)
        except UnavailableError as error:
            _log.warning("backends.%s: signed out here only: %s", backend.instance, error)
            return None
