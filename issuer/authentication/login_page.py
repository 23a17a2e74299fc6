"""The sign-in page: one form for all form backends, a button for each redirect backend, or neither.

A browser that was sent here to sign in more strongly (`level`) comes back here afterwards (`tried`): if what
it chose is not strong enough it hears so, and is not sent round again. So it is with a new sign-in (`since`).
"""

import logging
from collections.abc import Iterable
from dataclasses import dataclass

from flask import redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from issuer.authentication.complete import CompletedSignIn, SignInCompletion
from issuer.authentication.current_session import READING, CurrentSession, SignInRequiredError
from issuer.authentication.factors.second_step import SecondStep
from issuer.authentication.methods.offer import MethodOffer, MethodOffers
from issuer.authentication.methods.password import PasswordSignIn, Typed
from issuer.authentication.throttling import account_key
from issuer.backend import Departure, RedirectBackend
from issuer.errors import (
    NotAnewError,
    NoWayInError,
    StepUpRequiredError,
    TooManyRequestsError,
    TooWeakError,
    UnavailableError,
)
from issuer.web.cookies import Cookies
from issuer.web.headers import let_forms_lead_to
from issuer.web.urls import (
    LoginRequirements,
    hint_in,
    level_in,
    local,
    moment_in,
    requested,
    requirements_of,
    safe_return_to,
)

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Button:
    """A redirect backend as the page shows it."""

    name: str
    href: str
    icon: str


class LoginPage:
    """Signs browsers in, by the form or elsewhere."""

    def __init__(
        self,
        current: CurrentSession,
        cookies: Cookies,
        offers: MethodOffers,
        sign_in: PasswordSignIn,
        second_step: SecondStep,
        completion: SignInCompletion,
    ) -> None:
        """Keep what signing in needs."""
        self._current = current
        self._cookies = cookies
        self._offers = offers
        self._sign_in = sign_in
        self._second_step = second_step
        self._completion = completion

    def login(self) -> ResponseReturnValue:
        """Show the ways to sign in, or check the form; somebody who is signed in already goes on."""
        if request.method == "POST":
            return self._do_login()
        wanted, asked = safe_return_to(request.args.get("next")), request.args
        wish = LoginRequirements(wanted, level_in(asked.get("level")), moment_in(asked.get("since")))
        session = self._current.session()
        strong = session is not None and session.identity.auth_level >= wish.level
        if session and strong and session.auth_time >= wish.since:
            return redirect(wish.wanted, 303)
        if session and asked.get("tried"):
            if strong:
                raise NotAnewError("a sign-in is older than was asked for, or nobody says how old")
            raise TooWeakError(f"level {session.identity.auth_level} where {wish.level} is asked for")
        return self._go(wish, self._offer(wish), direct=request.args.get("page") is None)

    def required(self, error: SignInRequiredError) -> ResponseReturnValue:
        """Send a browser away to sign in: at once to where it goes without a page, else to the page."""
        return self._send(LoginRequirements(error.wanted))

    def step_up(self, error: StepUpRequiredError) -> ResponseReturnValue:
        """Send a browser away to sign in more strongly."""
        return self._send(LoginRequirements(safe_return_to(requested(request)), error.level))

    def _send(self, wish: LoginRequirements) -> ResponseReturnValue:
        offer = self._offer(wish)
        if self._straight(wish, offer) is not None and request.method in READING:
            return self._go(wish, offer, direct=True)
        return redirect(local("/login", **wish.demands, next=wish.wanted), 303)

    def _offer(self, wish: LoginRequirements) -> MethodOffer:
        return self._offers.offer(wish.wanted, self._current.address(), wish.level)

    def _go(self, wish: LoginRequirements, offer: MethodOffer, direct: bool) -> ResponseReturnValue:
        if not offer.forms and not offer.redirects:
            error = TooWeakError if wish.level and self._current.session() else NoWayInError
            raise error(f"nothing is offered for {wish.wanted!a:.100} at level {wish.level}")
        straight = self._straight(wish, offer) if direct else None
        if straight is None:
            return self._page(wish.goal)
        silent = straight is not offer.direct
        try:
            return straight.begin(Departure(wish.goal, silent, wish.level or None, wish.since))
        except UnavailableError as error:
            if not offer.forms and len(offer.redirects) == 1:
                raise
            _log.warning("backends.%s: %s", straight.instance, error)
            text = _("%(name)s does not answer right now.", name=_name(straight))
            return self._page(wish.goal, error=text), 503

    def _straight(self, wish: LoginRequirements, offer: MethodOffer) -> RedirectBackend | None:
        """Return where the browser goes without a page of ours.

        That is the default. Without one it is asked silently whether the person is still signed in where they
        signed in last.
        """
        if offer.direct is not None or wish.demands:
            return offer.direct
        last = self._cookies.way(request)
        return next((one for one in offer.redirects if one.instance == last and one.asks_silently), None)

    def _do_login(self) -> ResponseReturnValue:
        self._current.check_origin()
        goal = safe_return_to(request.form.get("next"))
        typed = Typed(request.form.get("login", ""), request.form.get("password", ""))
        browser = self._cookies.browser(request)
        forms = self._offer(requirements_of(goal)).forms
        try:
            identity = self._sign_in.attempt(typed, self._current.visitor(), browser, forms)
        except TooManyRequestsError as error:
            text = _("Too many failed attempts. Please wait %(seconds)s seconds.", seconds=error.retry_after)
            return self._page(goal, typed.login, text), 429, error.headers
        if identity is None:
            return self._page(goal, typed.login, _("This user name and password do not match.")), 401
        if (first := self._second_step.begin(identity, typed.login, goal)) is not None:
            return first
        token = self._sign_in.remember(account_key(typed.login), browser)
        answer = self._completion.enter(CompletedSignIn(identity, goal))
        self._cookies.set_browser(answer, token)
        return answer

    def _page(self, goal: str, login: str = "", error: str | None = None) -> str:
        wish = requirements_of(goal)
        let_forms_lead_to(self.destinations())
        offer, service = self._offer(wish), self._offers.service(wish.wanted)
        return render_template(
            "login.html",
            next=goal,
            login=login or hint_in(wish.wanted),
            error=error,
            stronger=wish.level > 0,
            forms=bool(offer.forms),
            buttons=[_button(backend, goal) for backend in offer.redirects],
            service=service.title if service else None,
        )

    def destinations(self) -> Iterable[str]:
        """Return the base URLs to which forms of ours may lead."""
        return self._offers.destinations()


def _name(backend: RedirectBackend) -> str:
    label: str = backend.settings.label
    return label or backend.instance.title()


def _button(backend: RedirectBackend, goal: str) -> Button:
    href = url_for(f"redirects.{backend.instance}_begin", next=goal)
    return Button(_name(backend), href, backend.settings.icon)
