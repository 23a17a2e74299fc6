"""The routes of the portal."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from flask import Blueprint, redirect, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from issuer.authentication.complete import SignInCompletion
from issuer.authentication.current_session import CurrentSession
from issuer.authentication.login_page import LoginPage
from issuer.authentication.sessions import PortalSessions
from issuer.errors import NotFoundError
from issuer.observability import audit
from issuer.portal.devices import device_name
from issuer.portal.home import Home
from issuer.store import Session
from issuer.web.cookies import Cookies


@dataclass(frozen=True, slots=True)
class SessionLine:
    """A session as the page lists it."""

    id: str
    current: bool
    created: datetime
    seen: datetime
    address: str
    device: str


class Portal:
    """The pages; every POST checks where it comes from."""

    def __init__(
        self,
        current: CurrentSession,
        cookies: Cookies,
        login_page: LoginPage,
        completion: SignInCompletion,
        sessions: PortalSessions,
        home: Home,
    ) -> None:
        """Keep what the pages show."""
        self._current = current
        self._cookies = cookies
        self._login_page = login_page
        self._completion = completion
        self._sessions = sessions
        self._home = home

    def blueprint(self) -> Blueprint:
        """Return the routes."""
        routes = Blueprint("portal", __name__)
        add: Callable[..., None] = routes.add_url_rule
        add("/", "home", self.home)
        add("/login", "login", self._login_page.login, methods=["GET", "POST"])
        add("/logout", "logout", self.logout, methods=["GET", "POST"])
        add("/sessions", "sessions", self.sessions)
        add("/sessions/<handle>/end", "end_session", self.end_session, methods=["POST"])
        add("/sessions/end-others", "end_other_sessions", self.end_others, methods=["POST"])
        return routes

    def home(self) -> ResponseReturnValue:
        """Show who you are, and the tiles of your services."""
        session = self._current.require_for_page()
        tiles, calls = self._home.tiles(session), self._home.calls(session)
        return render_template("home.html", groups=session.identity.groups, tiles=tiles, calls=calls)

    def logout(self) -> ResponseReturnValue:
        """Show a button, or end the session; a GET never signs anybody out."""
        if request.method == "POST":
            return self._do_logout()
        return render_template("logout.html", signed_out=self._current.session() is None)

    def _do_logout(self) -> ResponseReturnValue:
        self._current.check_origin()
        session = self._current.session()
        elsewhere = self._completion.leave(session) if session else None
        answer = redirect(elsewhere or "/logout", 303)
        self._cookies.forget_session(answer)
        self._cookies.forget_way(answer)
        return answer

    def sessions(self) -> ResponseReturnValue:
        """List the person's sessions."""
        current = self._current.require_for_page()
        lines = [_line(row, current) for row in self._sessions.of(current.identity)]
        return render_template("sessions.html", sessions=lines)

    def end_session(self, handle: str) -> ResponseReturnValue:
        """End one of the person's own sessions."""
        self._current.check_origin()
        current = self._current.require_for_page()
        row = next((row for row in self._sessions.of(current.identity) if handle_of(row) == handle), None)
        if row is None:
            raise NotFoundError("no such session of this person")
        self._end(row)
        return self._after_end(row.id_hash == current.id_hash)

    def end_others(self) -> ResponseReturnValue:
        """End all of the person's sessions but this one."""
        self._current.check_origin()
        current = self._current.require_for_page()
        for row in self._sessions.of(current.identity):
            if row.id_hash != current.id_hash:
                self._end(row)
        return self._after_end(own=False)

    def _end(self, row: Session) -> None:
        self._sessions.end(row)
        audit.session_ended(row.identity, "person")

    def _after_end(self, own: bool) -> Response:
        answer = redirect("/logout" if own else "/sessions", 303)
        if own:
            self._cookies.forget_session(answer)
        return answer


def handle_of(row: Session) -> str:
    """Return the public handle of a session: enough of its hash to tell it from the others."""
    return row.id_hash.hex()[:16]


def _line(row: Session, current: Session) -> SessionLine:
    return SessionLine(
        id=handle_of(row),
        current=row.id_hash == current.id_hash,
        created=datetime.fromtimestamp(row.created_at, UTC),
        seen=datetime.fromtimestamp(row.seen_at, UTC),
        address=row.address,
        device=device_name(row.user_agent) or _("Unknown browser"),
    )
