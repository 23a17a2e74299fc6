"""Mounts the pages: the portal's, the sign-in's and the modules'."""

from flask import Flask

from issuer.authentication.complete import SignInCompletion
from issuer.authentication.current_session import CurrentSession
from issuer.authentication.factors.pages import FactorPages
from issuer.authentication.factors.second_step import FactorCompletion, SecondStep
from issuer.authentication.factors.verify import CodeCheck
from issuer.authentication.login_page import LoginPage
from issuer.authentication.methods.offer import MethodOffers
from issuer.authentication.methods.password import PasswordSignIn
from issuer.authentication.methods.redirect import RedirectSignIn
from issuer.authentication.pending import PendingSignIns
from issuer.observability import health
from issuer.portal.errors import ErrorHandler
from issuer.portal.home import Home
from issuer.portal.pages import Portal
from issuer.settings.problems import ConfigError, Problem
from issuer.web import headers, language
from issuer.web.application import TrustedProxies
from issuer.wiring import mounting
from issuer.wiring.container import Parts
from issuer.wiring.problems import CollectedProblems


def mount(app: Flask, house: Parts, current: CurrentSession) -> None:
    """Give the application its routes, error pages, headers and languages.

    Raises:
        ConfigError: with what is wrong with the options of the sign-in, or two routes that collide.
    """
    login_page = _portal(app, house, current)
    _finish(app, house, current, login_page)


def _portal(app: Flask, house: Parts, current: CurrentSession) -> LoginPage:
    """Mount the pages; return how browsers are sent to sign in."""
    settings, metrics, cookies = house.settings.sign_in, house.world.metrics, house.cookies
    problems: list[Problem] = []
    with CollectedProblems("sign_in", problems):
        offers = MethodOffers(house.backends, house.modules, settings, house.levels, house.world.clock)
    with CollectedProblems("second_factor", problems):
        house.factors.compile()
    if problems:
        raise ConfigError(problems)
    sign_in = PasswordSignIn(house.resolver, house.services, settings, metrics)
    completion = SignInCompletion(current, cookies, house.sessions, house.backends, metrics)
    factor_pages = _factor_pages(house, current, sign_in, completion, offers)
    login_page = LoginPage(current, cookies, offers, sign_in, factor_pages.step, completion)
    home = Home(house.store.issuances, house.modules.values())
    portal = Portal(current, cookies, login_page, completion, house.sessions, home)
    app.register_blueprint(factor_pages.add_to(portal.blueprint()))
    redirects = RedirectSignIn(current, cookies, offers, house.resolver, completion)
    app.register_blueprint(redirects.blueprint(house.backends.values()))
    return login_page


def _factor_pages(
    house: Parts,
    current: CurrentSession,
    sign_in: PasswordSignIn,
    completion: SignInCompletion,
    offers: MethodOffers,
) -> FactorPages:
    """Return the pages of the second factor, which have the second step of a sign-in."""
    factors, world, cookies = house.factors, house.world, house.cookies
    factor_completion = FactorCompletion(cookies, house.attributes, factors, sign_in, completion, offers)
    check = CodeCheck(factors, sign_in, cookies, current, world.metrics)
    steps = PendingSignIns(house.store, cookies, world.clock, world.randomness)
    step = SecondStep(current, steps, factors, check, factor_completion, house.settings.portal.name)
    return FactorPages(current, factors, check, step, world.clock)


def _finish(app: Flask, house: Parts, current: CurrentSession, login_page: LoginPage) -> None:
    modules = house.modules.values()
    mounting.mount(app, house.modules)
    health.register(app, house.checks, house.keys)
    ErrorHandler(house.world.randomness, login_page, modules).register(app)
    headers.register(app, login_page.destinations(), house.settings.secure)
    language.register(app)
    portal = house.settings.portal
    site = {"name": portal.name, "demo": portal.demo, "second_factor": house.factors.on}
    app.context_processor(lambda: {"site": site, "person": current.person(), "lang": language.language()})
    app.wsgi_app = TrustedProxies(app.wsgi_app, house.settings.server.trusted_proxies)  # type: ignore[method-assign]
