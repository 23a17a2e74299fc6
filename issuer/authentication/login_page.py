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

from issuer.authentication.current_session import READING, CurrentSession, SignInRequiredError
from issuer.authentication.flow import LoginFlow, LoginRequirements, safe_return_to
from issuer.authentication.methods.offer import MethodOffer, MethodOffers
from issuer.backend import Departure, RedirectBackend
from issuer.errors import (
    NotAnewError,
    NoWayInError,
    StepUpRequiredError,
    TooWeakError,
    UnavailableError,
)
from issuer.web.cookies import Cookies
from issuer.web.headers import let_forms_lead_to
from issuer.web.urls import hint_in, requested

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Button:
    """A redirect backend as the page shows it."""

    name: str
    href: str
    icon: str


class LoginPage:
    """Shows browsers the ways to sign in, or sends them on the only one."""

    def __init__(self, current: CurrentSession, cookies: Cookies, offers: MethodOffers) -> None:
        self._current = current
        self._cookies = cookies
        self._offers = offers

    def show(self) -> ResponseReturnValue:
        """Show the ways to sign in; somebody who is signed in as is required goes on."""
        flow, session = LoginFlow.read(request.args), self._current.session()
        if session and flow.requirements.is_met(session):
            return redirect(flow.return_to, 303)
        if session and request.args.get("tried"):
            if flow.requirements.is_strong_enough(session):
                raise NotAnewError("a sign-in is older than was asked for, or nobody says how old")
            level = flow.requirements.level
            raise TooWeakError(f"level {session.identity.auth_level} where {level} is asked for")
        return self._go(flow, self._offer(flow), direct=request.args.get("page") is None)

    def required(self, error: SignInRequiredError) -> ResponseReturnValue:
        """Send a browser away to sign in: at once to where it goes without a page, else to the page."""
        return self._send(LoginFlow(safe_return_to(error.return_to)))

    def step_up(self, error: StepUpRequiredError) -> ResponseReturnValue:
        """Send a browser away to sign in more strongly."""
        return_to = safe_return_to(requested(request))
        return self._send(LoginFlow(return_to, LoginRequirements(level=error.level)))

    def _send(self, flow: LoginFlow) -> ResponseReturnValue:
        offer = self._offer(flow)
        if self._straight(flow, offer) is not None and request.method in READING:
            return self._go(flow, offer, direct=True)
        return redirect(flow.address, 303)

    def _offer(self, flow: LoginFlow) -> MethodOffer:
        return self._offers.offer(flow.return_to, self._current.address(), flow.requirements.level)

    def _go(self, flow: LoginFlow, offer: MethodOffer, direct: bool) -> ResponseReturnValue:
        required = flow.requirements
        if not offer.forms and not offer.redirects:
            error = TooWeakError if required.level and self._current.session() else NoWayInError
            raise error(f"nothing is offered for {flow.return_to!a:.100} at level {required.level}")
        straight = self._straight(flow, offer) if direct else None
        if straight is None:
            return self.page(flow)
        silent = straight is not offer.direct
        try:
            return straight.begin(
                Departure(flow.next_address, silent, required.level or None, required.since)
            )
        except UnavailableError as error:
            if not offer.forms and len(offer.redirects) == 1:
                raise
            _log.warning("backends.%s: %s", straight.instance, error)
            text = _("%(name)s does not answer right now.", name=_name(straight))
            return self.page(flow, error=text), 503

    def _straight(self, flow: LoginFlow, offer: MethodOffer) -> RedirectBackend | None:
        """Return where the browser goes without a page of ours.

        That is the default. Without one it is asked silently whether the person is still signed in where they
        signed in last.
        """
        if offer.direct is not None or flow.requirements.query():
            return offer.direct
        last = self._cookies.way(request)
        return next((one for one in offer.redirects if one.instance == last and one.asks_silently), None)

    def page(self, flow: LoginFlow, login: str = "", error: str | None = None) -> str:
        """Return the page, with what was typed and what was wrong."""
        let_forms_lead_to(self.destinations(flow))
        offer, service = self._offer(flow), self._offers.service(flow.return_to)
        return render_template(
            "login.html",
            next=flow.next_address,
            login=login or hint_in(flow.return_to),
            error=error,
            stronger=flow.requirements.level > 0,
            forms=bool(offer.forms),
            buttons=[_button(backend, flow.next_address) for backend in offer.redirects],
            service=service.service_name(flow.return_to) if service else None,
        )

    def destinations(self, flow: LoginFlow) -> Iterable[str]:
        """Return the base URLs to which the forms of a sign-in lead."""
        return self._offers.destinations(flow.return_to)


def _name(backend: RedirectBackend) -> str:
    label: str = backend.settings.label
    return label or backend.instance.title()


def _button(backend: RedirectBackend, next_address: str) -> Button:
    href = url_for(f"redirects.{backend.instance}_begin", next=next_address)
    return Button(_name(backend), href, backend.settings.icon)
