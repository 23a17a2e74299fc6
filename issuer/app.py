"""Wires everything: configuration → services → login backends → issuer modules → pages. Nothing else does."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from flask import Flask, current_app

from issuer import audit, health, mounting
from issuer.admission import Admission, admission_of
from issuer.backend import Backend, BackendServices
from issuer.bearer import TokenIssuer
from issuer.check import Check
from issuer.contradictions import Collected, accidents
from issuer.freshness import Freshness
from issuer.housekeeping import Housekeeper
from issuer.identity import Identity
from issuer.issuance import Issuance
from issuer.keys import RETENTION_MARGIN, KeyRing
from issuer.levels import Levels
from issuer.matrix.doctor import homeserver_checks
from issuer.metrics import Metrics, NoMetrics
from issuer.module import Gateway, Module
from issuer.passwords import Passwords
from issuer.portal import assembly, headers, language
from issuer.portal.ambient import Ambient
from issuer.portal.choices import Choices
from issuer.portal.cookies import Cookies
from issuer.portal.current import Current
from issuer.portal.entrance import Entrance
from issuer.portal.errors import ErrorHandler
from issuer.portal.home import Home
from issuer.portal.pages import Portal
from issuer.portal.redirects import Redirects
from issuer.portal.sign_in import SignIn
from issuer.portal.ways import Ways
from issuer.proxy import TrustedProxies
from issuer.rules import Scope, compile_expression
from issuer.second_factor import Factors
from issuer.sessions import Session, Sessions
from issuer.settings.load import Configuration
from issuer.settings.models import Settings
from issuer.settings.problems import ConfigError, Problem
from issuer.site import Site
from issuer.store import Store, StoreError
from issuer.upstream import Upstream
from issuer.world import Clock, Randomness, SystemClock, SystemRandomness

BODY_LIMIT = 64 * 1024
STATIC_SECONDS = 3600


@dataclass(frozen=True, slots=True)
class World:
    """Time, randomness and counters: what a test replaces."""

    clock: Clock = field(default_factory=SystemClock)
    randomness: Randomness = field(default_factory=SystemRandomness)
    metrics: Metrics = field(default_factory=NoMetrics)


@dataclass(frozen=True, slots=True)
class Parts:
    """What an application is made of, for the command line and tests; `parts(app)` returns it."""

    settings: Settings
    world: World
    store: Store
    keys: KeyRing
    sessions: Sessions
    issuance: Issuance
    upstream: Upstream
    backends: dict[str, Backend]
    admission: Admission
    freshness: Freshness
    factors: Factors
    levels: Levels
    modules: dict[str, Module]
    services: BackendServices
    housekeeper: Housekeeper

    def start(self) -> None:
        """Begin background work; called once in every worker."""
        self.housekeeper.start()
        for plugin in self._plugins():
            plugin.start()

    def stop(self) -> None:
        """End background work and close what is open."""
        for plugin in self._plugins()[::-1]:
            plugin.stop()
        self.upstream.stop()
        self.housekeeper.stop()
        self.store.close()

    def own_issuer(self, name: str) -> TokenIssuer | None:
        """Return the module whose tokens have this `iss`, None when there is none."""
        issuers = (issuer for module in self.modules.values() for issuer in module.token_issuers())
        return next((issuer for issuer in issuers if issuer.issuer == name), None)

    def _plugins(self) -> list[Backend | Module]:
        return [*self.backends.values(), *self.modules.values()]

    def checks(self) -> Iterable[Check]:
        """Return everything that readiness depends on."""
        yield Check("store", self.store.check, offline=False)
        for name, plugin in self._named_plugins():
            yield from (replace(check, name=f"{name}: {check.name}") for check in plugin.checks())

    def doctor(self) -> Iterable[Check]:
        """Return what dials the servers that the configuration names, with its credentials."""
        yield from homeserver_checks(self.settings.matrix, self.upstream)
        for name, plugin in self._named_plugins():
            yield from (replace(check, name=f"{name}: {check.name}") for check in plugin.doctor())

    def warnings(self) -> Iterable[str]:
        """Return what operators must hear at every start."""
        for name in {name for names in self.settings.sign_in.same_people for name in names}:
            if name not in self.backends:
                yield f"sign_in.same_people names {name}: no login backend that is enabled has this name"
        for name, plugin in self._named_plugins():
            yield from (f"{name}: {text}" for text in plugin.warnings())

    def _named_plugins(self) -> Iterable[tuple[str, Backend | Module]]:
        """Return backends and modules, with the paths of their sections."""
        yield from ((f"backends.{name}", backend) for name, backend in self.backends.items())
        yield from ((f"modules.{name}", module) for name, module in self.modules.items())


def parts(app: Flask | None = None) -> Parts:
    """Return the parts of an application (default: the current one)."""
    found: Parts = (app or current_app).extensions["issuer"]
    return found


def create_app(configuration: Configuration, world: World | None = None) -> Flask:
    """Build the application; it opens the store but starts nothing.

    Raises:
        issuer.settings.problems.ConfigError: with every contradiction that building shows.
    """
    world = world or World()
    settings = configuration.settings
    app = Site("issuer", settings.public_url)
    app.config["MAX_CONTENT_LENGTH"] = BODY_LIMIT
    app.config["SEND_FILE_MAX_AGE_DEFAULT"] = STATIC_SECONDS
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False
    store = _open_store(configuration, world)
    try:
        _wire(app, configuration, world, store)
    except BaseException:
        store.close()
        raise
    return app


def _open_store(configuration: Configuration, world: World) -> Store:
    settings = configuration.settings
    kinds = dict.fromkeys(instance.plugin for instance in configuration.modules if instance.settings.enabled)
    tables = [found for kind in kinds if (found := kind.tables())]
    try:
        return Store.open(settings.store_url, world.clock, settings.store.issuance_retention, tables)
    except StoreError as error:
        raise ConfigError([Problem("store.url", str(error))]) from None


def _wire(app: Flask, configuration: Configuration, world: World, store: Store) -> None:
    settings, clock, randomness = configuration.settings, world.clock, world.randomness
    cookies = Cookies(settings)
    sessions = Sessions(store, settings.sessions, clock, randomness)
    backends: dict[str, Backend] = {}
    admission = admission_of(settings, backends, store, clock)
    factors = Factors(settings, backends, store, clock, randomness)
    levels = Levels(backends, factors.levels, admission.raised)
    freshness = Freshness(backends, admission, store, clock)
    ambient = Ambient(backends, admission, sessions, cookies, world.metrics)
    current = Current(sessions, freshness, ambient, cookies, settings.public_url)
    upstream = Upstream(settings.upstream, clock, settings.server.threads)
    passwords = Passwords(randomness, parallel=1, waiting=max(1, settings.server.threads // 2))
    services = BackendServices(settings, store, clock, randomness, passwords, upstream)
    house = Parts(
        settings=settings,
        world=world,
        store=store,
        keys=KeyRing(settings.keys.directory, clock, retention=key_retention(settings)),
        sessions=sessions,
        issuance=Issuance(store, settings.tokens, clock, randomness, world.metrics, levels.stronger),
        upstream=upstream,
        backends=backends,
        admission=admission,
        freshness=freshness,
        factors=factors,
        levels=levels,
        modules={},
        services=services,
        housekeeper=Housekeeper(store),
    )
    _plug_in(configuration, house, current)
    store.sessions.listeners += [module.sessions_ended for module in house.modules.values()]
    app.extensions["issuer"] = house
    _finish(app, house, current, _portal(app, house, current, cookies))


def _portal(app: Flask, house: Parts, current: Current, cookies: Cookies) -> Ways:
    """Mount the pages; return how browsers are sent to sign in."""
    settings, metrics = house.settings.sign_in, house.world.metrics
    problems: list[Problem] = []
    with Collected("sign_in", problems):
        choices = Choices(house.backends, house.modules, settings, house.levels, house.world.clock)
    with Collected("second_factor", problems):
        house.factors.compile()
    if problems:
        raise ConfigError(problems)
    sign_in = SignIn(house.admission, house.services, settings, metrics)
    entrance = Entrance(current, cookies, house.sessions, house.backends, metrics)
    factor_pages = assembly.factor_pages(house, current, cookies, sign_in, entrance, choices)
    ways = Ways(current, cookies, choices, sign_in, factor_pages.step, entrance)
    home = Home(house.store.issuances, house.modules.values())
    portal = Portal(current, cookies, ways, entrance, house.sessions, home)
    app.register_blueprint(factor_pages.add_to(portal.blueprint()))
    redirects = Redirects(current, cookies, choices, house.admission, entrance)
    app.register_blueprint(redirects.blueprint(house.backends.values()))
    return ways


def _finish(app: Flask, house: Parts, current: Current, ways: Ways) -> None:
    modules = house.modules.values()
    mounting.mount(app, house.modules)
    health.register(app, house.checks, house.keys)
    ErrorHandler(house.world.randomness, ways, modules).register(app)
    headers.register(app, ways.destinations(), house.settings.secure)
    language.register(app)
    portal = house.settings.portal
    site = {"name": portal.name, "demo": portal.demo, "second_factor": house.factors.on}
    app.context_processor(lambda: {"site": site, "person": current.person(), "lang": language.language()})
    app.wsgi_app = TrustedProxies(app.wsgi_app, house.settings.server.trusted_proxies)  # type: ignore[method-assign]


def key_retention(settings: Settings) -> float:
    """Return how long a retired key stays published, in seconds."""
    return settings.tokens.maximum_lifetime + RETENTION_MARGIN


def _plug_in(configuration: Configuration, house: Parts, current: Current) -> None:
    problems: list[Problem] = []
    identifier = _main_identifier(house, problems)
    for item in configuration.backends:
        if item.settings.enabled:
            with Collected(f"backends.{item.name}", problems):
                backend = item.plugin(item.name, item.settings, house.services)
                house.admission.add(backend)
                house.backends[item.name] = backend
    problems += accidents(house.backends)
    for instance in configuration.modules:
        if instance.settings.enabled:
            gateway = _gateway(instance.name, house, current, identifier)
            with Collected(f"modules.{instance.name}", problems):
                house.modules[instance.name] = instance.plugin(instance.settings, gateway)
    if problems:
        raise ConfigError(problems)


def _main_identifier(house: Parts, problems: list[Problem]) -> Callable[[Identity], str]:
    with Collected("", problems):
        text, macros = house.settings.main_identifier, house.settings.macros
        expression = compile_expression(text, option="main_identifier", variables=macros)
        return lambda identity: (
            expression.text_value(Scope(identity, {}, house.world.clock.now())) or identity.uid
        )
    return lambda identity: identity.uid


def _gateway(instance: str, house: Parts, current: Current, identifier: Callable[[Identity], str]) -> Gateway:
    return Gateway(
        instance=instance,
        settings=house.settings,
        clock=house.world.clock,
        randomness=house.world.randomness,
        store=house.store,
        keys=house.keys,
        issuance=house.issuance,
        metrics=house.world.metrics,
        upstream=house.upstream,
        session=current.fresh,
        require=current.require,
        refresh=house.freshness.identity,
        address=current.address,
        main_identifier=identifier,
        macros=tuple(house.settings.macros),
        levels_above=house.levels.above,
        end_session=lambda session: _end_session(house.sessions, session, current.address()),
        check_origin=current.check_origin,
        module=house.modules.get,
        own_issuer=house.own_issuer,
    )


def _end_session(sessions: Sessions, session: Session, address: str) -> None:
    sessions.end(session)
    audit.signed_out(session.identity, address)
