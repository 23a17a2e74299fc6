"""The page of somebody's own sessions; every POST checks where it comes from."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from flask import Blueprint, redirect, render_template
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from issuer.authentication.current_session import CurrentSession
from issuer.authentication.sessions import PortalSessions
from issuer.errors import NotFoundError
from issuer.observability import audit
from issuer.portal.devices import device_name
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


class SessionsPage:
    """Lists the sessions of a person, and ends them."""

    def __init__(self, current: CurrentSession, cookies: Cookies, sessions: PortalSessions) -> None:
        self._current = current
        self._cookies = cookies
        self._sessions = sessions

    def blueprint(self) -> Blueprint:
        """Return `/sessions`, `/sessions/<handle>/end` and `/sessions/end-others`."""
        routes = Blueprint("sessions", __name__, url_prefix="/sessions")
        add: Callable[..., None] = routes.add_url_rule
        add("", "show", self.show)
        add("/<handle>/end", "end", self.end_session, methods=["POST"])
        add("/end-others", "end_others", self.end_others, methods=["POST"])
        return routes

    def show(self) -> ResponseReturnValue:
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
        self._sessions.end(row)
        audit.session_ended(row.identity, "person")
        return self._after_end(row.id_hash == current.id_hash)

    def end_others(self) -> ResponseReturnValue:
        """End all of the person's sessions but this one."""
        self._current.check_origin()
        current = self._current.require_for_page()
        for row in self._sessions.end_others(current):
            audit.session_ended(row.identity, "person")
        return self._after_end(own=False)

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
