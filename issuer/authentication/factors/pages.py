"""The page on which people look after their second factor; whatever weakens it needs a fresh code."""

from collections.abc import Callable
from datetime import UTC, datetime

from flask import Blueprint, redirect, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from issuer.authentication.current_session import CurrentSession
from issuer.authentication.factors import Factors
from issuer.authentication.factors.second_step import SecondStep, recovery_page, too_many
from issuer.authentication.factors.verify import CodeCheck
from issuer.authentication.flow import LoginFlow, LoginRequirements
from issuer.authentication.throttling import account_key
from issuer.errors import NotFoundError, TooManyRequestsError
from issuer.identity import Identity
from issuer.observability import audit
from issuer.world import Clock

RECENT = 300.0
"""Seconds after a sign-in in which an app can be set up at will."""


class FactorPages:
    """Set up, new recovery codes, remove."""

    def __init__(
        self, current: CurrentSession, factors: Factors, check: CodeCheck, step: SecondStep, clock: Clock
    ) -> None:
        self._clock = clock
        self._current = current
        self._factors = factors
        self._check = check
        self.step = step
        """The second step of a sign-in."""

    def blueprint(self) -> Blueprint:
        """Return the routes, those of the second step too."""
        routes = Blueprint("second_factor", __name__)
        self.step.add_to(routes)
        add: Callable[..., None] = routes.add_url_rule
        add("/second-factor", "second_factor", self.show)
        add("/second-factor/begin", "begin_second_factor", self.begin, methods=["POST"])
        add("/second-factor/recovery-codes", "new_recovery_codes", self.renew, methods=["POST"])
        add("/second-factor/remove", "remove_second_factor", self.remove, methods=["POST"])
        return routes

    def show(self) -> ResponseReturnValue:
        """Show whether there is a second factor, and what can be done."""
        if not self._factors.on:
            raise NotFoundError("second_factor.key is not set")
        return self._page(self._current.require().identity)

    def _recent(self) -> bool:
        """Tell whether the sign-in was so lately that it is surely the person who sits there."""
        return self._clock.now() - self._current.require().auth_time <= RECENT

    def _person(self) -> Identity:
        """Return who is signed in, if they have a second factor or can have one here."""
        identity = self._current.require().identity
        if not self._factors.covers_person(identity) and self._factors.get(identity) is None:
            raise NotFoundError(f"people of {identity.backend} have no second factor here")
        return identity

    def _page(self, identity: Identity, error: str | None = None, about: str = "") -> str:
        factor = self._factors.get(identity)
        return render_template(
            "second_factor.html",
            covered=self._factors.covers_person(identity),
            since=datetime.fromtimestamp(factor.created_at, UTC) if factor else None,
            left=self._factors.codes_left(identity),
            recent=self._recent(),
            required=self._factors.requires(identity, self._current.address()),
            error=error,
            about=about,
        )

    def begin(self) -> ResponseReturnValue:
        """Begin to set an app up, or let the person sign in again first."""
        self._current.check_origin()
        identity = self._person()
        if self._factors.get(identity) is not None:
            return redirect("/second-factor", 303)
        if not self._recent():
            return redirect(self._anew().address, 303)
        return self.step.begin_at_will(identity)

    def _anew(self) -> LoginFlow:
        """Return the flow of somebody who signs in again before they go on here."""
        return LoginFlow("/second-factor", LoginRequirements(since=int(self._clock.now())))

    def renew(self) -> ResponseReturnValue:
        """Give new recovery codes for a fresh code."""

        def renewed(identity: Identity) -> ResponseReturnValue:
            audit.recovery_codes_renewed(identity, self._current.address())
            return recovery_page(self._factors.renew_codes(identity), "/second-factor")

        return self._for_a_code("renew", renewed)

    def remove(self) -> ResponseReturnValue:
        """Remove the second factor for a fresh code."""

        def removed(identity: Identity) -> ResponseReturnValue:
            self._factors.remove(identity)
            audit.second_factor_removed(identity.backend, identity.uid, "person")
            return redirect("/second-factor", 303)

        return self._for_a_code("remove", removed)

    def _for_a_code(self, about: str, work: Callable[[Identity], ResponseReturnValue]) -> ResponseReturnValue:
        self._current.check_origin()
        identity = self._person()
        try:
            found = self._check.of_app(identity, account_key(identity.uid), request.form.get("code", ""))
        except TooManyRequestsError as error:
            return self._page(identity, too_many(error), about), 429, error.headers
        if found:
            return work(found)
        wrong = _("This code is wrong, or was used already. Wait for the next one.")
        return self._page(identity, wrong, about), 401
