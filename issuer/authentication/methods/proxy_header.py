"""People whom the request itself names, as a proxy in front has put it there: a session without any page."""

from collections.abc import Callable, Mapping
from functools import cached_property

from flask import after_this_request, request
from werkzeug.wrappers import Response

from issuer.authentication.identities.resolver import IdentityResolver
from issuer.authentication.sessions import PortalSessions, UpstreamSignIn, Visitor
from issuer.backend import AmbientBackend, Backend
from issuer.identity import Identity
from issuer.observability import audit
from issuer.observability.metrics import Metrics
from issuer.store import Session
from issuer.web.cookies import Cookies


class ProxyHeaderSignIn:
    """Judges what requests say of themselves."""

    def __init__(
        self,
        backends: Mapping[str, Backend],
        resolver: IdentityResolver,
        sessions: PortalSessions,
        cookies: Cookies,
        metrics: Metrics,
    ) -> None:
        self._backends = backends
        self._resolver = resolver
        self._sessions = sessions
        self._cookies = cookies
        self._metrics = metrics

    @cached_property
    def any(self) -> bool:
        """Tell whether there is an ambient backend at all."""
        return any(isinstance(backend, AmbientBackend) for backend in self._backends.values())

    def judge(self, row: Session | None, visitor: Callable[[], Visitor]) -> Session | None:
        """Return the session that counts for the request in hand; one begins when it names somebody new.

        Raises:
            issuer.errors.ForbiddenError: the request names somebody, and must not.
        """
        if row is not None and not isinstance(self._backends.get(row.identity.backend), AmbientBackend):
            return row
        said = self._said()
        if said is None:
            return None
        if row is not None and (row.identity.backend, row.identity.subject) == (said.backend, said.subject):
            return row
        if row is not None:
            self._sessions.end(row)
            audit.session_ended(row.identity, "another person")
        return self._begin(said, visitor())

    def _said(self) -> Identity | None:
        ambient = (one for one in self._backends.values() if isinstance(one, AmbientBackend))
        return next((found for one in ambient if (found := one.identify(request.environ))), None)

    def _begin(self, said: Identity, visitor: Visitor) -> Session | None:
        identity = self._resolver.resolve(said)
        session_id = self._sessions.start(identity, visitor, UpstreamSignIn())
        audit.signed_in(identity, visitor.address)
        self._metrics.sign_in("ok")

        def give(answer: Response) -> Response:
            self._cookies.set_session(answer, session_id)
            return answer

        after_this_request(give)
        return self._sessions.find(session_id)
