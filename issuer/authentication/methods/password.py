"""Sign-in with a login and a password: limits first, then the form backends in order.

An account's limit counts only strangers, and each network of theirs by itself: a browser that holds the
cookie of an earlier successful sign-in to that account has a limit of its own.
"""

import base64
import hashlib
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from flask import request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from issuer.authentication.current_session import CurrentSession
from issuer.authentication.factors import Demand, Factors
from issuer.authentication.flow import LoginFlow, SignInCompletion
from issuer.authentication.identities.resolver import IdentityResolver
from issuer.authentication.methods.offer import MethodOffers
from issuer.authentication.sessions import Visitor
from issuer.authentication.throttling import Attempt, SignInThrottle, account_key
from issuer.backend import BackendServices, FormBackend
from issuer.errors import TooManyRequestsError, UnavailableError
from issuer.identity import Identity
from issuer.observability import audit
from issuer.observability.metrics import Metrics
from issuer.settings.models import SignInSettings
from issuer.web.bounds import LONGEST_ID, LONGEST_LOGIN, LONGEST_PASSWORD
from issuer.web.cookies import Cookies

TOKEN_BYTES = 32

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Typed:
    """What somebody typed into the form."""

    login: str
    password: str = field(repr=False)

    @classmethod
    def read(cls, form: Mapping[str, str]) -> "Typed":
        """Return what a form holds; what is longer than a user name or a password counts as empty."""
        login, password = form.get("login", ""), form.get("password", "")
        return cls(
            login if len(login) <= LONGEST_LOGIN else "",
            password if len(password) <= LONGEST_PASSWORD else "",
        )

    @property
    def can_be_right(self) -> bool:
        """Tell whether it can be somebody's; what cannot is no guess, and leaves no row."""
        return bool(self.login.strip() and self.password) and "\0" not in self.login + self.password


class PartlyUnavailableError(UnavailableError):
    """A backend cannot tell, and another says no: that counts, or an outage would let people guess freely."""


class PasswordSignIn:
    """Signs people in with a login and a password."""

    def __init__(
        self,
        resolver: IdentityResolver,
        services: BackendServices,
        settings: SignInSettings,
        metrics: Metrics,
    ) -> None:
        self._resolver = resolver
        self.limits = SignInThrottle(services.store.attempts, settings, metrics, services.log_name)
        """Of everything that is guessed at to sign in."""
        self._log_name = services.log_name
        self._store = services.store
        self._clock = services.clock
        self._randomness = services.randomness
        self._settings = settings
        self._metrics = metrics

    def attempt(
        self, typed: Typed, visitor: Visitor, browser: str | None, backends: Iterable[FormBackend]
    ) -> Identity | None:
        """Return who this is, or None when login and password do not match.

        Raises:
            TooManyRequestsError: there were too many failures.
            UnavailableError: nobody was found, and a backend could not tell.
            issuer.errors.IdentityRefusedError: it matches, and the user name is somebody else's.
        """
        login = typed.login
        account = account_key(login)
        if not typed.can_be_right:
            self._failed(account, visitor)
            return None
        attempt = self._begin(account, browser, visitor)
        try:
            identity = self._authenticate(typed, backends)
        except UnavailableError as error:
            if not isinstance(error, PartlyUnavailableError):
                attempt.take_back()
            raise
        if identity is None:
            self._failed(account, visitor)
            return None
        attempt.succeed()
        return self._resolver.resolve(identity)

    def _failed(self, account: str, visitor: Visitor) -> None:
        audit.sign_in_failed(self._log_name(account), visitor.address)
        self._metrics.sign_in("failed")

    def _authenticate(self, typed: Typed, backends: Iterable[FormBackend]) -> Identity | None:
        """Try one backend after the other; while one is unavailable, nobody hears that they are wrong."""
        unavailable: UnavailableError | None = None
        refused = False
        for backend in backends:
            try:
                identity = backend.authenticate(typed.login, typed.password)
            except UnavailableError as error:
                _log.warning("backends.%s: %s", backend.instance, error)
                unavailable = error
            else:
                if identity is not None:
                    return identity
                refused = True
        if unavailable is not None:
            raise PartlyUnavailableError(str(unavailable)) if refused else unavailable
        return None

    def _begin(self, account: str, browser: str | None, visitor: Visitor) -> Attempt:
        if browser and self._store.browsers.knows(hash_token(browser), account):
            return self.limits.begin(f"browser:{hash_token(browser).hex()}:{account}", account, visitor)
        return self.limits.begin_as_stranger(account, visitor)

    def signed_in_since(self, moment: float, account: str, browser: str | None) -> bool:
        """Tell whether a browser signed in to an account at that moment or later (seconds since 1970)."""
        until = moment + self._settings.browser_memory
        return browser is not None and self._store.browsers.knows(hash_token(browser), account, until)

    def remember(self, account: str, browser: str | None) -> str:
        """Remember a browser that signed in to an account, and return the token that it is known by."""
        token = self._browser_token(account, browser)
        expires = self._clock.now() + self._settings.browser_memory
        self._store.browsers.remember(hash_token(token), account, expires)
        return token

    def _browser_token(self, account: str, browser: str | None) -> str:
        """Keep a token that this account knows; never adopt one that somebody else may have planted."""
        if browser and self._store.browsers.knows(hash_token(browser), account):
            return browser
        return base64.urlsafe_b64encode(self._randomness.bytes(TOKEN_BYTES)).decode().rstrip("=")


def hash_token(token: str) -> bytes:
    """Return the SHA-256 of a browser's token: what the store knows of it. None of ours is so long."""
    return hashlib.sha256(token[:LONGEST_ID].encode("utf-8", "surrogatepass")).digest()


@dataclass(frozen=True, slots=True)
class FormPages:
    """Where the browser of the form goes besides its way on."""

    form: Callable[[LoginFlow, str, str], str]
    """The form again, with the login that was typed, and what was wrong."""
    next_step: Callable[[LoginFlow, Identity, Demand], Response]
    """To a further step."""


class PasswordForm:
    """Takes what the sign-in form sends."""

    def __init__(
        self,
        current: CurrentSession,
        cookies: Cookies,
        offers: MethodOffers,
        sign_in: PasswordSignIn,
        factors: Factors,
        completion: SignInCompletion,
    ) -> None:
        self._current = current
        self._cookies = cookies
        self._offers = offers
        self._sign_in = sign_in
        self._factors = factors
        self._completion = completion

    def submit(self, pages: FormPages) -> ResponseReturnValue:
        """Answer the form: with the way on, a further step, or the form again."""
        self._current.check_origin()
        flow = LoginFlow.leading_to(request.form.get("next"))
        typed = Typed.read(request.form)
        address = self._current.address()
        forms = self._offers.offer(flow.return_to, address, flow.requirements.level).forms
        browser = self._cookies.browser(request)
        try:
            identity = self._sign_in.attempt(typed, self._current.visitor(), browser, forms)
        except TooManyRequestsError as error:
            text = _("Too many failed attempts. Please wait %(seconds)s seconds.", seconds=error.retry_after)
            return pages.form(flow, typed.login, text), 429, error.headers
        if identity is None:
            return pages.form(flow, typed.login, _("This user name and password do not match.")), 401
        flow = replace(flow, account=account_key(typed.login))
        demand = self._factors.demand(identity, flow.requirements.level, address)
        if demand is not Demand.NOTHING:
            return pages.next_step(flow, identity, demand)
        answer = self._completion.complete(identity, flow.next_address)
        self._cookies.set_browser(answer, self._sign_in.remember(flow.account, browser))
        return answer
