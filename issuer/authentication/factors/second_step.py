"""The second step of a sign-in: after the password a code, or setting the app up."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial

from flask import Blueprint, make_response, redirect, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from issuer.authentication.current_session import CurrentSession, SignInRequiredError
from issuer.authentication.factors import Demand, Factors
from issuer.authentication.factors.qr import qr_code
from issuer.authentication.factors.verify import CodeCheck
from issuer.authentication.flow import LoginFlow, LoginFlows, SignInCompletion, Step
from issuer.authentication.identities.refresh import AttributeRefresh
from issuer.authentication.methods.password import PasswordSignIn
from issuer.authentication.throttling import account_key
from issuer.errors import TooManyRequestsError
from issuer.identity import Identity
from issuer.store import OutdatedError
from issuer.web.cookies import Cookies
from issuer.web.headers import let_forms_lead_to

CODE_PAGE, SET_UP_PAGE = "/second-factor/code", "/second-factor/set-up"


@dataclass(frozen=True, slots=True)
class Shown:
    """What the pages show of the gateway."""

    service: str
    """The name that apps show."""
    destinations: Callable[[LoginFlow], Iterable[str]]
    """The base URLs to which a browser may go on."""


class FactorCompletion:
    """Lets somebody in who has done all steps."""

    def __init__(
        self,
        cookies: Cookies,
        attributes: AttributeRefresh,
        factors: Factors,
        sign_in: PasswordSignIn,
        completion: SignInCompletion,
    ) -> None:
        self._cookies = cookies
        self._attributes = attributes
        self._factors = factors
        self._sign_in = sign_in
        self._completion = completion

    def fresh(self, flow: LoginFlow, who: Identity) -> Identity:
        """Return who signs in, read again: they may have been locked out since they gave their password.

        Raises:
            SignInRequiredError: they are gone.
        """
        identity = self._attributes.raised(who, self._factors.raised(who.auth_level))
        if identity is None:
            raise SignInRequiredError(flow.next_address)
        return identity

    def enter(self, identity: Identity, flow: LoginFlow, answer: Response) -> None:
        """Start the session, and remember the browser."""
        self._completion.start(identity, answer)
        self.remember(flow.account, answer)

    def remember(self, account: str, answer: Response) -> None:
        """Remember the browser as one of somebody who gave a right code."""
        token = self._sign_in.remember(account, self._cookies.browser(request))
        self._cookies.set_browser(answer, token)


class SecondStep:
    """The pages between the first factor and the session."""

    def __init__(
        self,
        current: CurrentSession,
        flows: LoginFlows,
        factors: Factors,
        check: CodeCheck,
        completion: FactorCompletion,
        shown: Shown,
    ) -> None:
        self._current = current
        self._flows = flows
        self._factors = factors
        self._check = check
        self._completion = completion
        self._shown = shown

    def add_to(self, routes: Blueprint) -> None:
        """Add the routes."""
        add: Callable[..., None] = routes.add_url_rule
        add(CODE_PAGE, "second_factor_code", self.code, methods=["GET", "POST"])
        add(SET_UP_PAGE, "second_factor_set_up", self.set_up, methods=["GET", "POST"])

    def begin(self, flow: LoginFlow, who: Identity, demand: Demand) -> Response:
        """Send the browser of somebody with the right password to give a code, or to set their app up."""
        sealed = self._factors.new_secret(who) if demand is Demand.SET_UP else None
        answer = redirect(SET_UP_PAGE if sealed else CODE_PAGE, 303)
        self._flows.keep(replace(flow, sealed=sealed), who, answer)
        return answer

    def begin_at_will(self, identity: Identity) -> Response:
        """Send somebody who is signed in to set their app up."""
        flow = LoginFlow("/second-factor", account=account_key(identity.uid), at_will=True)
        return self.begin(flow, identity, Demand.SET_UP)

    def code(self) -> ResponseReturnValue:
        """Ask for a code, and let whoever gives a right one in."""
        flow = self._flows.current()
        if flow is None or flow.identity is None or flow.step is not Step.CODE:
            return redirect("/login", 303)
        who = flow.identity
        if request.method == "POST":
            self._current.check_origin()
            return self._limited(lambda error: self._code_page(flow, error), lambda: self._do_code(flow, who))
        return self._code_page(flow)

    def _do_code(self, flow: LoginFlow, who: Identity) -> ResponseReturnValue:
        recovery = request.form.get("recovery")
        check = self._check.of_app if recovery is None else self._check.of_recovery
        typed = request.form.get("code", "") if recovery is None else recovery
        identity = check(who, flow.account, typed, lambda: self._completion.fresh(flow, who))
        if identity is None:
            return self._wrong_code(flow, recovery is not None), 401
        answer = redirect(flow.next_address, 303)
        if not self._flows.finish(answer):
            return redirect("/login", 303)
        self._completion.enter(identity, flow, answer)
        return answer

    def _wrong_code(self, flow: LoginFlow, by_recovery: bool) -> str:
        if by_recovery:
            return self._code_page(flow, _("This is none of your unused recovery codes."), by_recovery)
        return self._code_page(flow, _("This code is wrong, or was used already. Wait for the next one."))

    def _code_page(self, flow: LoginFlow, error: str | None = None, by_recovery: bool = False) -> str:
        let_forms_lead_to(self._shown.destinations(flow))
        return render_template("second_factor_code.html", error=error, by_recovery=by_recovery)

    def set_up(self) -> ResponseReturnValue:
        """Show what an app must learn, and keep it when the app shows the right code."""
        flow = self._flows.current()
        if flow is None or flow.identity is None or flow.sealed is None:
            return redirect("/second-factor" if self._current.session() else "/login", 303)
        who, sealed = flow.identity, flow.sealed
        if flow.at_will:
            self._check_owner(who)
        if request.method == "POST":
            self._current.check_origin()
            return self._limited(
                lambda error: self._set_up_page(flow, who, sealed, error),
                lambda: self._do_set_up(flow, who, sealed),
            )
        return self._set_up_page(flow, who, sealed)

    def _check_owner(self, owner: Identity) -> None:
        """Make sure that the browser is still signed in as whoever began."""
        who = self._current.require().identity
        if (who.backend, who.subject) != (owner.backend, owner.subject):
            raise SignInRequiredError("/second-factor")

    def _do_set_up(self, flow: LoginFlow, who: Identity, sealed: bytes) -> ResponseReturnValue:
        identity = who if flow.at_will else self._completion.fresh(flow, who)
        typed = request.form.get("code", "")
        if self._factors.get(identity) is not None:  # in another window, meanwhile
            return redirect("/second-factor" if flow.at_will else "/login", 303)
        finish_with = partial(
            self._flows.finish_with, session=self._current.session() if flow.at_will else None
        )
        try:
            codes = self._check.enrolled(identity, flow.account, sealed, typed, finish_with)
        except OutdatedError:  # a new password, or an operator who ended it
            return redirect(flow.address, 303)
        if codes is None:
            error = _("This code is wrong. Is the clock of your phone right?")
            return self._set_up_page(flow, who, sealed, error), 401
        answer = recovery_page(codes, flow.next_address)
        self._flows.forget(answer)
        if flow.at_will:
            self._completion.remember(flow.account, answer)
        else:
            self._completion.enter(identity, flow, answer)
        return answer

    def _set_up_page(self, flow: LoginFlow, who: Identity, sealed: bytes, error: str | None = None) -> str:
        app = self._factors.set_up(who, sealed, self._shown.service)
        groups = [app.secret[start : start + 4] for start in range(0, len(app.secret), 4)]
        picture, required = qr_code(app.uri), not flow.at_will
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
