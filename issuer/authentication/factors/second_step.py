"""The second step of a sign-in: after the password a code, or setting the app up."""

from collections.abc import Callable, Iterable

from flask import Blueprint, make_response, redirect, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from issuer.authentication.complete import CompletedSignIn, SignInCompletion
from issuer.authentication.current_session import CurrentSession, SignInRequiredError
from issuer.authentication.factors import Demand, Factors
from issuer.authentication.factors.qr import qr_code
from issuer.authentication.factors.verify import CodeCheck
from issuer.authentication.identities.refresh import AttributeRefresh
from issuer.authentication.methods.offer import MethodOffers
from issuer.authentication.methods.password import PasswordSignIn
from issuer.authentication.pending import PendingSignIn, PendingSignIns
from issuer.authentication.throttling import account_key
from issuer.errors import TooManyRequestsError
from issuer.identity import Identity
from issuer.web.cookies import Cookies
from issuer.web.headers import let_forms_lead_to
from issuer.web.urls import requirements_of, safe_return_to

CODE_PAGE, SET_UP_PAGE = "/second-factor/code", "/second-factor/set-up"


class FactorCompletion:
    """Lets somebody in who has done all steps."""

    def __init__(
        self,
        cookies: Cookies,
        attributes: AttributeRefresh,
        factors: Factors,
        sign_in: PasswordSignIn,
        completion: SignInCompletion,
        offers: MethodOffers,
    ) -> None:
        """Keep what the end of a sign-in needs."""
        self._offers = offers
        self._cookies = cookies
        self._attributes = attributes
        self._factors = factors
        self._sign_in = sign_in
        self._completion = completion

    def fresh(self, pending: PendingSignIn) -> Identity:
        """Return who signs in, read again: they may have been locked out since they gave their password.

        Raises:
            SignInRequiredError: they are gone.
        """
        level = self._factors.raised(pending.identity.auth_level)
        identity = self._attributes.raised(pending.identity, level)
        if identity is None:
            raise SignInRequiredError(pending.goal)
        return identity

    def destinations(self) -> Iterable[str]:
        """Return the base URLs to which a browser may go on."""
        return self._offers.destinations()

    def enter(self, identity: Identity, pending: PendingSignIn, answer: Response) -> None:
        """Start the session, and remember the browser."""
        self._cookies.set_session(answer, self._completion.start(CompletedSignIn(identity, pending.goal)))
        self.remember(pending.account, answer)

    def remember(self, account: str, answer: Response) -> None:
        """Remember the browser as one of somebody who gave a right code."""
        token = self._sign_in.remember(account, self._cookies.browser(request))
        self._cookies.set_browser(answer, token)


class SecondStep:
    """The pages between password and session."""

    def __init__(
        self,
        current: CurrentSession,
        steps: PendingSignIns,
        factors: Factors,
        check: CodeCheck,
        completion: FactorCompletion,
        service: str,
    ) -> None:
        """Keep what the pages need; `service` is the name that the app shows."""
        self._current = current
        self._steps = steps
        self._factors = factors
        self._check = check
        self._completion = completion
        self._service = service

    def add_to(self, routes: Blueprint) -> None:
        """Add the routes."""
        add: Callable[..., None] = routes.add_url_rule
        add(CODE_PAGE, "second_factor_code", self.code, methods=["GET", "POST"])
        add(SET_UP_PAGE, "second_factor_set_up", self.set_up, methods=["GET", "POST"])

    def begin(self, identity: Identity, login: str, goal: str) -> Response | None:
        """Return where the browser of somebody with the right password goes first; None when it may go on."""
        demand = self._factors.demand(identity, requirements_of(goal).level, self._current.address())
        if demand is Demand.NOTHING:
            return None
        sealed = self._factors.new_secret(identity) if demand is Demand.SET_UP else None
        answer = redirect(SET_UP_PAGE if sealed else CODE_PAGE, 303)
        self._steps.begin(PendingSignIn(identity, account_key(login), goal, sealed), answer)
        return answer

    def begin_at_will(self, identity: Identity) -> Response:
        """Send somebody who is signed in to set their app up."""
        answer = redirect(SET_UP_PAGE, 303)
        sealed = self._factors.new_secret(identity)
        pending = PendingSignIn(identity, account_key(identity.uid), "/second-factor", sealed, signed_in=True)
        self._steps.begin(pending, answer)
        return answer

    def code(self) -> ResponseReturnValue:
        """Ask for a code, and let whoever gives a right one in."""
        pending = self._steps.current()
        if pending is None or pending.sealed is not None:
            return redirect("/login", 303)
        if request.method == "POST":
            self._current.check_origin()
            return self._limited(self._code_page, lambda: self._do_code(pending))
        return self._code_page()

    def _do_code(self, pending: PendingSignIn) -> ResponseReturnValue:
        recovery = request.form.get("recovery")
        check = self._check.of_app if recovery is None else self._check.of_recovery
        typed = request.form.get("code", "") if recovery is None else recovery
        identity = check(pending.identity, pending.account, typed, lambda: self._completion.fresh(pending))
        if identity is None:
            return self._wrong_code(recovery is not None), 401
        answer = redirect(safe_return_to(pending.goal), 303)
        if not self._steps.finish(answer):
            return redirect("/login", 303)
        self._completion.enter(identity, pending, answer)
        return answer

    def _wrong_code(self, by_recovery: bool) -> str:
        if by_recovery:
            return self._code_page(_("This is none of your unused recovery codes."), by_recovery)
        return self._code_page(_("This code is wrong, or was used already. Wait for the next one."))

    def _code_page(self, error: str | None = None, by_recovery: bool = False) -> str:
        let_forms_lead_to(self._completion.destinations())
        return render_template("second_factor_code.html", error=error, by_recovery=by_recovery)

    def set_up(self) -> ResponseReturnValue:
        """Show what an app must learn, and keep it when the app shows the right code."""
        pending = self._steps.current()
        if pending is None or pending.sealed is None:
            return redirect("/second-factor" if self._current.session() else "/login", 303)
        if pending.signed_in:
            self._check_owner(pending)
        sealed = pending.sealed
        if request.method == "POST":
            self._current.check_origin()
            return self._limited(
                lambda error: self._set_up_page(pending, sealed, error),
                lambda: self._do_set_up(pending, sealed),
            )
        return self._set_up_page(pending, sealed)

    def _check_owner(self, pending: PendingSignIn) -> None:
        """Make sure that the browser is still signed in as whoever began."""
        who = self._current.require().identity
        if (who.backend, who.subject) != (pending.identity.backend, pending.identity.subject):
            raise SignInRequiredError("/second-factor")

    def _do_set_up(self, pending: PendingSignIn, sealed: bytes) -> ResponseReturnValue:
        identity = pending.identity if pending.signed_in else self._completion.fresh(pending)
        typed = request.form.get("code", "")
        if self._factors.get(identity) is not None:  # in another window, meanwhile
            return redirect("/second-factor" if pending.signed_in else "/login", 303)
        codes = self._check.enrolled(identity, pending.account, sealed, typed)
        if codes is None:
            error = _("This code is wrong. Is the clock of your phone right?")
            return self._set_up_page(pending, sealed, error), 401
        answer = recovery_page(codes, safe_return_to(pending.goal))
        finished = self._steps.finish(answer)
        if pending.signed_in:
            self._completion.remember(pending.account, answer)
        elif finished:
            self._completion.enter(identity, pending, answer)
        return answer

    def _set_up_page(self, pending: PendingSignIn, sealed: bytes, error: str | None = None) -> str:
        app = self._factors.set_up(pending.identity, sealed, self._service)
        groups = [app.secret[start : start + 4] for start in range(0, len(app.secret), 4)]
        picture, required = qr_code(app.uri), not pending.signed_in
        return render_template(
            "second_factor_set_up.html", picture=picture, secret=groups, error=error, required=required
        )

    @staticmethod
    def _limited(page: Callable[[str], str], work: Callable[[], ResponseReturnValue]) -> ResponseReturnValue:
        """Show a page that says how long to wait, when there were too many wrong codes."""
        try:
            return work()
        except TooManyRequestsError as error:
            return page(too_many(error)), 429, error.headers


def too_many(error: TooManyRequestsError) -> str:
    """Return what people read when they must wait."""
    text: str = _("Too many failed attempts. Please wait %(seconds)s seconds.", seconds=error.retry_after)
    return text


def recovery_page(codes: list[str], onward: str) -> Response:
    """Return the page that shows recovery codes, once."""
    return make_response(render_template("second_factor_recovery.html", codes=codes, onward=onward))
