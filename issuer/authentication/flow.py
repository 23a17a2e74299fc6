"""A sign-in in progress: where the browser goes on, what is required of it, and which step is left.

Before a first factor is proven, a flow is in the browser's address alone. Nothing there decides: it says how
to sign in, and whatever the browser comes back to judges the session itself. Once a factor is proven it is a
row of the store, and the browser holds its id in a cookie: no row is ever made for a stranger. Such a row is
no session: nothing but the pages of the next step looks at it.
"""

import base64
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, TypeVar
from urllib.parse import parse_qsl, urlsplit

from flask import redirect, request
from werkzeug.wrappers import Response

from issuer.authentication.current_session import CurrentSession, SignInRequiredError
from issuer.authentication.sessions import ID_BYTES, PortalSessions, UpstreamSignIn, hash_id
from issuer.identity import Identity
from issuer.observability import audit
from issuer.observability.metrics import Metrics
from issuer.store import OutdatedError, PendingStep, Session, Store
from issuer.web.cookies import Cookies
from issuer.web.urls import local
from issuer.world import Clock, Randomness

T = TypeVar("T")

LOGIN = "/login"
LONGEST_RETURN = 8000
CODE_LIFETIME = 300.0
"""Seconds in which a code must be given: a row does not hear of a new password in a directory."""
SET_UP_LIFETIME = 600.0
"""Seconds in which an app must be set up; whoever has none installs one meanwhile."""


def safe_return_to(return_to: str | None) -> str:
    """Return `return_to` when it is a path (with query) on this host, else "/".

    A browser reads `//host`, `/\\host` and a path with tabs or newlines as another host (WHATWG URL §4.4), so
    only printable ASCII without backslash passes, and the second character is no slash.
    """
    if (
        not return_to
        or len(return_to) > LONGEST_RETURN
        or not return_to.startswith("/")
        or return_to.startswith("//")
    ):
        return "/"
    if "\\" in return_to or any(not "!" <= character <= "~" for character in return_to):
        return "/"
    return return_to


@dataclass(frozen=True, slots=True)
class LoginRequirements:
    """What a sign-in must be where the browser goes on."""

    level: int = 0
    """The least `authLevel`."""
    since: float = 0.0
    """The sign-in must not be older than this (seconds since 1970); 0: any will do."""

    @classmethod
    def read(cls, query: Mapping[str, str]) -> "LoginRequirements":
        """Return what a query asks for; what cannot be read asks for nothing."""
        level, since = query.get("level", ""), query.get("since", "")
        return cls(
            int(level) if re.fullmatch(r"[0-9]{1,3}", level) else 0,
            float(since) if re.fullmatch(r"[0-9]{1,12}(\.[0-9]{1,6})?", since) else 0.0,
        )

    def query(self) -> dict[str, object]:
        """Return the requirements as a query says them; empty when there are none."""
        named = {"level": self.level, "since": self.since}
        return {name: value for name, value in named.items() if value}

    def is_strong_enough(self, session: Session) -> bool:
        """Tell whether somebody signed in as strongly as is required."""
        return session.identity.auth_level >= self.level

    def is_met(self, session: Session) -> bool:
        """Tell whether a session is as strong and as young as is required."""
        return self.is_strong_enough(session) and session.auth_time >= self.since


class Step(Enum):
    """What is left of a sign-in."""

    FIRST_FACTOR = "first factor"
    CODE = "code"
    SET_UP = "set up"


@dataclass(frozen=True, slots=True)
class LoginFlow:
    """A sign-in in progress."""

    return_to: str = "/"
    """Path and query where the browser goes on after sign-in."""
    requirements: LoginRequirements = LoginRequirements()
    identity: Identity | None = None
    """Who has proven the first factor."""
    account: str = ""
    """Under which failures are counted, and the browser is remembered."""
    sealed: bytes | None = field(default=None, repr=False)
    """The secret of an app that is being set up."""
    at_will: bool = False
    """Somebody who is signed in sets the app up; no sign-in follows."""

    @classmethod
    def read(cls, query: Mapping[str, str]) -> "LoginFlow":
        """Return the flow of an address of the sign-in page; never fails, whoever wrote it."""
        return cls(safe_return_to(query.get("next")), LoginRequirements.read(query))

    @classmethod
    def leading_to(cls, next_address: str | None) -> "LoginFlow":
        """Return the flow whose `next_address` this is; never fails, whoever wrote it."""
        clean = safe_return_to(next_address)
        if not clean.startswith(LOGIN):
            return cls(clean)
        parts = urlsplit(clean)
        query = dict(parse_qsl(parts.query))
        if parts.path != LOGIN or not query.keys() & {"level", "since"}:
            return cls(clean)
        return cls.read(query)

    @property
    def step(self) -> Step:
        """Return what is left."""
        if self.identity is None:
            return Step.FIRST_FACTOR
        return Step.CODE if self.sealed is None else Step.SET_UP

    @property
    def address(self) -> str:
        """Return the address of the sign-in page for this flow."""
        return local(LOGIN, **self.requirements.query(), next=self.return_to)

    @property
    def next_address(self) -> str:
        """Return where to send the browser when it has signed in.

        With requirements that is the sign-in page, which judges them once, and does not send it round again.
        """
        query = self.requirements.query()
        return local(LOGIN, **query, tried=1, next=self.return_to) if query else self.return_to


class LoginFlows:
    """The flows of browsers that have proven a first factor."""

    def __init__(self, store: Store, cookies: Cookies, clock: Clock, randomness: Randomness) -> None:
        self._store = store
        self._rows = store.pending_steps
        self._cookies = cookies
        self._clock = clock
        self._randomness = randomness

    def keep(self, flow: LoginFlow, who: Identity, answer: Response) -> None:
        """Keep a flow of somebody, and give the browser its id.

        Raises:
            SignInRequiredError: their password changed meanwhile, or they may not sign in any more.
        """
        flow_id = base64.urlsafe_b64encode(self._randomness.bytes(ID_BYTES)).rstrip(b"=").decode()
        lifetime = SET_UP_LIFETIME if flow.sealed else CODE_LIFETIME
        expires = self._clock.now() + lifetime
        row = PendingStep(hash_id(flow_id), who.backend, who.subject, _to_row(flow, who), expires)
        try:
            self._rows.add(row, who.proof)
        except OutdatedError:
            raise SignInRequiredError(flow.next_address) from None
        self._cookies.set_pending(answer, flow_id, int(lifetime))

    def current(self) -> LoginFlow | None:
        """Return the flow of the browser, None when it has none or took too long."""
        flow_id = self._cookies.pending(request)
        row = self._rows.get(hash_id(flow_id)) if flow_id else None
        return _from_row(row.content) if row else None

    def finish(self, answer: Response) -> bool:
        """Take the flow away from the browser; tell whether it was still there. One of many calls wins."""
        flow_id = self._cookies.pending(request)
        self._cookies.forget_pending(answer)
        return bool(flow_id) and self._rows.finish(hash_id(flow_id or ""))

    def finish_with(self, work: Callable[[], T | None], session: Session | None) -> T | None:
        """Take the flow away in one transaction with what `work` writes; neither, when it returns None.

        Args:
            work: its last step; what it returns is returned.
            session: what must live too; None: nothing.

        Raises:
            OutdatedError: the flow, or the session, has ended meanwhile.
        """
        flow_id = self._cookies.pending(request) or ""
        try:
            with self._store.database.write():
                lives = session is None or self._store.sessions.hold(session.id_hash)
                if not lives or not self._rows.finish(hash_id(flow_id)):
                    raise OutdatedError
                result = work()
                if result is None:
                    raise _NothingDone
        except _NothingDone:
            return None
        return result

    def forget(self, answer: Response) -> None:
        """Let the browser forget a flow that is finished."""
        self._cookies.forget_pending(answer)


class _NothingDone(Exception):  # noqa: N818 - it ends a transaction, and nobody hears of it
    pass


def _to_row(flow: LoginFlow, who: Identity) -> dict[str, object]:
    return {
        "identity": who.to_row(),
        "account": flow.account,
        "return_to": flow.return_to,
        "requirements": flow.requirements.query(),
        "sealed": base64.b64encode(flow.sealed).decode() if flow.sealed else None,
        "at_will": flow.at_will,
    }


def _from_row(content: Mapping[str, Any]) -> LoginFlow | None:
    """Return the flow of a row; None for one that another version has written: that browser begins again."""
    if "return_to" not in content:
        return None
    sealed = content["sealed"]
    return LoginFlow(
        return_to=content["return_to"],
        requirements=LoginRequirements(**content["requirements"]),
        identity=Identity.from_row(content["identity"]),
        account=content["account"],
        sealed=base64.b64decode(sealed) if sealed else None,
        at_will=content["at_will"],
    )


class SignInCompletion:
    """What every sign-in ends with, whichever way it went: a session, a cookie, and the way on."""

    def __init__(
        self, current: CurrentSession, cookies: Cookies, sessions: PortalSessions, metrics: Metrics
    ) -> None:
        self._current = current
        self._cookies = cookies
        self._sessions = sessions
        self._metrics = metrics

    def complete(
        self, identity: Identity, return_to: str, upstream: UpstreamSignIn | None = None
    ) -> Response:
        """Start the session of somebody who was admitted, and send the browser on.

        Args:
            identity: whose session it is.
            return_to: where the browser goes on, as a stranger may have written it.
            upstream: what another server says of the sign-in there.
        """
        answer = redirect(safe_return_to(return_to), 303)
        self.start(identity, answer, upstream)
        return answer

    def start(self, identity: Identity, answer: Response, upstream: UpstreamSignIn | None = None) -> None:
        """Start a session in place of the browser's old one, and give its id with an answer.

        Raises:
            SignInRequiredError: their password changed meanwhile, or they may not sign in any more.
        """
        visitor, old = self._current.visitor(), self._current.session()
        try:
            session_id = self._sessions.start(identity, visitor, upstream)
        except OutdatedError:
            raise SignInRequiredError(answer.location or "/") from None
        audit.signed_in(identity, visitor.address)
        self._metrics.sign_in("ok")
        if old:
            self._sessions.replace(old, session_id)
        self._cookies.set_session(answer, session_id)
