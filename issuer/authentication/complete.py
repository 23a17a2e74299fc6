"""What every sign-in ends with, whichever way it went: a session, a cookie, and the way on."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass

from flask import redirect
from werkzeug.wrappers import Response

from issuer.authentication.current_session import CurrentSession
from issuer.authentication.sessions import PortalSessions, UpstreamSignIn
from issuer.backend import Backend
from issuer.errors import UnavailableError
from issuer.identity import Identity
from issuer.observability import audit
from issuer.observability.metrics import Metrics
from issuer.store import Session
from issuer.web.cookies import Cookies
from issuer.web.urls import safe_return_to

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CompletedSignIn:
    """Somebody who signed in and was admitted."""

    identity: Identity
    wanted: str = "/"
    """Where the browser goes on, as a stranger may have written it."""
    upstream: UpstreamSignIn | None = None
    """What another server says of the sign-in there."""


class SignInCompletion:
    """Lets people in."""

    def __init__(
        self,
        current: CurrentSession,
        cookies: Cookies,
        sessions: PortalSessions,
        backends: Mapping[str, Backend],
        metrics: Metrics,
    ) -> None:
        """Keep what a session begins with."""
        self._backends = backends
        self._current = current
        self._cookies = cookies
        self._sessions = sessions
        self._metrics = metrics

    def enter(self, entry: CompletedSignIn) -> Response:
        """Start a session in place of the browser's old one, and send the browser on."""
        answer = redirect(safe_return_to(entry.wanted), 303)
        self._cookies.set_session(answer, self.start(entry))
        return answer

    def start(self, entry: CompletedSignIn) -> str:
        """Start a session in place of the browser's old one, and return its id."""
        visitor, old = self._current.visitor(), self._current.session()
        session_id = self._sessions.start(entry.identity, visitor, entry.upstream)
        audit.signed_in(entry.identity, visitor.address)
        self._metrics.sign_in("ok")
        if old:
            self._sessions.replace(old, session_id)
        return session_id

    def leave(self, session: Session) -> str | None:
        """End the session of the request in hand; return where to sign out besides."""
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
