"""The request in hand: its session, its address, its person."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass

from flask import request

from issuer.authentication.identities.refresh import FORGOTTEN_AFTER, AttributeRefresh
from issuer.authentication.methods.proxy_header import ProxyHeaderSignIn
from issuer.authentication.sessions import PortalSessions, Visitor
from issuer.backend import Backend
from issuer.errors import CrossOriginError, GatewayError, UnavailableError
from issuer.settings.types import origin
from issuer.store import Session
from issuer.web.application import client_address_in_hand, request_in_hand
from issuer.web.cookies import Cookies
from issuer.web.urls import requested


class SignInRequiredError(GatewayError):
    """Nobody is signed in; the handler sends the browser to the sign-in page, and back to `return_to`."""

    code = "login_required"
    status = 401

    def __init__(self, return_to: str) -> None:
        super().__init__()
        self.return_to = return_to


_log = logging.getLogger(__name__)

READING = {"GET", "HEAD"}
SESSION = "issuer.session"
"""Where the environment of a request keeps its session, once it was looked up."""


@dataclass(frozen=True, slots=True)
class SignedInPerson:
    """Who is signed in, as the pages show them."""

    name: str
    uid: str

    @property
    def initials(self) -> str:
        """Return one or two letters for the badge."""
        words = [word for word in self.name.split() if word[:1].isalnum()]
        return "".join(word[0] for word in [*words[:1], *words[1:][-1:]]).upper() or "?"


class CurrentSession:
    """Finds what the request in hand is about; looked up once a request."""

    def __init__(
        self,
        sessions: PortalSessions,
        attributes: AttributeRefresh,
        proxy_header: ProxyHeaderSignIn,
        cookies: Cookies,
        backends: Mapping[str, Backend],
        public_url: str,
    ) -> None:
        self._proxy_header = proxy_header
        self._sessions = sessions
        self._attributes = attributes
        self._cookies = cookies
        self._backends = backends
        self._origin = origin(public_url)

    def session(self) -> Session | None:
        """Return the living session of the browser, or None.

        Raises:
            ForbiddenError: the request says who sends it, and must not.
        """
        environ = request_in_hand().environ
        if SESSION not in environ:
            session_id = self._cookies.session(environ)
            environ[SESSION] = None
            row = self._sessions.find(session_id) if session_id else None
            environ[SESSION] = self._proxy_header.judge(row, self.visitor) if self._proxy_header.any else row
        found: Session | None = environ[SESSION]
        return found

    def fresh(self) -> Session | None:
        """Return the living session, with a person who was read lately: what a token may be made from.

        Raises:
            UnavailableError: their backend cannot tell now.
        """
        session = self.session()
        if session is None or self._was_read_lately(session):
            return session
        request_in_hand().environ[SESSION] = renewed = self._attributes.session(session)
        return renewed

    def _was_read_lately(self, session: Session) -> bool:
        backend = self._backends.get(session.identity.backend)
        longest = backend.settings.refresh_after if backend else FORGOTTEN_AFTER
        return 0 <= self._sessions.attributes_age(session) < longest

    def require(self) -> Session:
        """Return what `fresh` does; raise `SignInRequiredError` when there is no session."""
        return self._required(self.fresh())

    def require_for_page(self) -> Session:
        """Return the same to show it, even when the person's backend cannot be asked now."""
        session = self._required(self.session())
        try:
            return self.require()
        except UnavailableError as error:
            _log.warning("shown as it was at the last refresh: %s", error)
            return session

    @staticmethod
    def _required(session: Session | None) -> Session:
        if session is None:
            # A form cannot be sent again after sign-in: a browser comes back by GET.
            raise SignInRequiredError(requested(request) if request.method in READING else "/")
        return session

    def person(self) -> SignedInPerson | None:
        """Return who is signed in, for the pages; nobody when that cannot be told now."""
        try:
            session = self.session()
        except GatewayError:
            return None
        if session is None:
            return None
        return SignedInPerson(session.identity.first("cn") or session.identity.uid, session.identity.uid)

    def address(self) -> str:
        """Return the address of the client."""
        return client_address_in_hand()

    def visitor(self) -> Visitor:
        """Return what the request shows of the browser."""
        return Visitor(self.address(), request.headers.get("User-Agent", ""))

    def check_origin(self) -> None:
        """Refuse a form that was not sent from our own pages (cross-site request forgery).

        Browsers say where a POST comes from: `Sec-Fetch-Site` (W3C Fetch Metadata §2.4), older ones `Origin`
        (RFC 6454 §7). A request with neither is refused.
        """
        site = request.headers.get("Sec-Fetch-Site")
        ours = site == "same-origin" if site else request.headers.get("Origin") == self._origin
        if not ours:
            raise CrossOriginError(f"POST {request.path} with Sec-Fetch-Site {site!r:.40}")
