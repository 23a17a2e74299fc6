"""Mounts the pages: the portal's, the sign-in's and the modules'."""

from functools import partial

from flask import Blueprint, Flask

from issuer.authentication.current_session import CurrentSession
from issuer.authentication.factors.pages import FactorPages
from issuer.authentication.factors.second_step import FactorCompletion, SecondStep, Shown
from issuer.authentication.factors.verify import CodeCheck
from issuer.authentication.flow import LoginFlow, LoginFlows, SignInCompletion
from issuer.authentication.login_page import LoginPage
from issuer.authentication.methods.offer import MethodOffers
from issuer.authentication.methods.password import FormPages, PasswordForm, PasswordSignIn
from issuer.authentication.methods.redirect import RedirectSignIn
from issuer.observability import health
from issuer.portal.errors import ErrorHandler
from issuer.portal.home import HomePage
from issuer.portal.sessions import SessionsPage
from issuer.portal.sign_out import SignOutPage
from issuer.settings.problems import ConfigError, Problem
from issuer.web import headers
from issuer.web.application import Application, TrustedProxies
from issuer.web.language import Language
from issuer.wiring import mounting
from issuer.wiring.container import Parts
from issuer.wiring.problems import CollectedProblems


def mount(app: Application, house: Parts, current: CurrentSession) -> None:
    """Give the application its routes, error pages, headers and languages.

    Raises:
        ConfigError: with what is wrong with the options of the sign-in, or two routes that collide.
    """
    offers = _offers(house)
    login_page = LoginPage(current, house.cookies, offers)
    _authentication(app, house, current, offers, login_page)
    _portal(app, house, current)
    _finish(app, house, current, login_page)


def _offers(house: Parts) -> MethodOffers:
    problems: list[Problem] = []
    with CollectedProblems("sign_in", problems):
        offers = MethodOffers(
            house.backends, house.modules, house.settings.sign_in, house.levels, house.world.clock
        )
    with CollectedProblems("second_factor", problems):
        house.factors.compile()
    if problems:
        raise ConfigError(problems)
    return offers


def _authentication(
    app: Flask, house: Parts, current: CurrentSession, offers: MethodOffers, login_page: LoginPage
) -> None:
    """Mount the sign-in page, its methods, and the pages of the second factor."""
    cookies, metrics, factors = house.cookies, house.world.metrics, house.factors
    sign_in = PasswordSignIn(house.resolver, house.services, house.settings.sign_in, metrics)
    completion = SignInCompletion(current, cookies, house.sessions, metrics)
    factor_pages = _factor_pages(house, current, sign_in, completion, login_page)
    form = PasswordForm(current, cookies, offers, sign_in, factors, completion)
    pages = FormPages(login_page.page, factor_pages.step.begin)
    routes = Blueprint("login", __name__)
    routes.add_url_rule("/login", "show", login_page.show)
    routes.add_url_rule("/login", "submit", partial(form.submit, pages), methods=["POST"])
    redirects = RedirectSignIn(current, cookies, offers, house.resolver, completion)
    app.register_blueprint(routes)
    app.register_blueprint(factor_pages.blueprint())
    app.register_blueprint(redirects.blueprint(house.backends.values()))


def _factor_pages(
    house: Parts,
    current: CurrentSession,
    sign_in: PasswordSignIn,
    completion: SignInCompletion,
    login_page: LoginPage,
) -> FactorPages:
    """Return the pages of the second factor, which have the second step of a sign-in."""
    factors, world, cookies = house.factors, house.world, house.cookies
    factor_completion = FactorCompletion(cookies, house.attributes, factors, sign_in, completion)
    check = CodeCheck(factors, sign_in, cookies, current, world.metrics)
    flows = LoginFlows(house.store, cookies, world.clock, world.randomness)
    shown = Shown(house.settings.portal.name, login_page.destinations)
    step = SecondStep(current, flows, factors, check, factor_completion, shown)
    return FactorPages(current, factors, check, step, world.clock)


def _portal(app: Flask, house: Parts, current: CurrentSession) -> None:
    """Mount what a signed-in person sees."""
    cookies, sessions, elsewhere = house.cookies, house.sessions, _elsewhere(house)
    app.register_blueprint(
        HomePage(current, house.store.issuances, house.modules.values(), elsewhere).blueprint()
    )
    app.register_blueprint(SessionsPage(current, cookies, sessions).blueprint())
    app.register_blueprint(SignOutPage(current, cookies, sessions, house.backends).blueprint())


def _elsewhere(house: Parts) -> list[str]:
    """Return where the button "Sign out" leads, which is on every page."""
    return [url for backend in house.backends.values() for url in backend.destinations()]


def _finish(app: Application, house: Parts, current: CurrentSession, login_page: LoginPage) -> None:
    modules = house.modules.values()
    mounting.mount(app, house.modules)
    health.register(app, house.checks, house.keys)
    ErrorHandler(house.world.randomness, login_page, modules).register(app)
    language = Language(app, lambda request: LoginFlow.leading_to(request.args.get("next")).return_to)
    portal = house.settings.portal
    site = {
        "name": portal.name,
        "support": portal.support,
        "support_link": portal.support_link,
        "demo": portal.demo,
        "second_factor": house.factors.on,
    }
    app.context_processor(lambda: {"site": site, "person": current.person(), "lang": language.current()})
    server = house.settings.server
    app.wsgi_app = TrustedProxies(app.wsgi_app, server.trusted_proxies, server.forwarded_header)  # type: ignore[method-assign]
    headers.register(app, _elsewhere(house), house.settings.secure)
