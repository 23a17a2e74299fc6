"""Wires everything: configuration → services → login backends → issuer modules → pages. Nothing else does."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from flask import Flask, current_app

from issuer import health
from issuer.backend import Backend, BackendServices, FormBackend
from issuer.bearer import TokenIssuer
from issuer.check import Check
from issuer.freshness import Freshness
from issuer.housekeeping import Housekeeper
from issuer.identity import Identity
from issuer.issuance import Issuance
from issuer.keys import RETENTION_MARGIN, KeyRing, KeyRingError
from issuer.metrics import Metrics, NoMetrics
from issuer.module import ConfigurationError, Gateway, Module
from issuer.passwords import Passwords
from issuer.portal import headers, language
from issuer.portal.cookies import Cookies
from issuer.portal.current import Current
from issuer.portal.errors import ErrorHandler
from issuer.portal.pages import Portal
from issuer.portal.sign_in import SignIn
from issuer.proxy import TrustedProxies
from issuer.rules import RuleError, Scope, compile_expression
from issuer.sessions import Sessions
from issuer.settings.load import Configuration
from issuer.settings.models import Settings
from issuer.settings.problems import ConfigError, Problem
from issuer.site import Site
from issuer.store import Store, StoreError
from issuer.upstream import Upstream
from issuer.world import Clock, Randomness, SystemClock, SystemRandomness

BODY_LIMIT = 64 * 1024
STATIC_SECONDS = 3600
ROOT_ROUTES = (("GET", "/"), ("GET", "/healthz"), ("GET", "/readyz"), ("GET", "/.well-known/jwks.json"))
RESERVED = ("/login", "/logout", "/sessions", "/static", "/healthz", "/readyz", "/.well-known")


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
    freshness: Freshness
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
        plugins: list[tuple[str, Backend | Module]] = [*self.backends.items(), *self.modules.items()]
        for name, plugin in plugins:
            for check in plugin.checks():
                yield Check(f"{name}: {check.name}", check.run, check.offline)


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
    freshness = Freshness(backends, store, clock)
    current = Current(sessions, freshness, cookies, settings.public_url)
    upstream = Upstream(settings.upstream, clock, settings.server.threads)
    passwords = _passwords(settings, randomness)
    services = BackendServices(settings, store, clock, randomness, passwords, upstream)
    house = Parts(
        settings=settings,
        world=world,
        store=store,
        keys=KeyRing(settings.keys.directory, clock, retention=key_retention(settings)),
        sessions=sessions,
        issuance=Issuance(store, settings.tokens, clock, randomness, world.metrics),
        upstream=upstream,
        backends=backends,
        freshness=freshness,
        modules={},
        services=services,
        housekeeper=Housekeeper(store),
    )
    _plug_in(configuration, house, current)
    app.extensions["issuer"] = house
    forms = [backend for backend in house.backends.values() if isinstance(backend, FormBackend)]
    sign_in = SignIn(forms, sessions, services, settings.sign_in, world.metrics)
    app.register_blueprint(Portal(current, cookies, sign_in, sessions, house.modules.values()).blueprint())
    _finish(app, house, current)


def _finish(app: Flask, house: Parts, current: Current) -> None:
    modules = house.modules.values()
    _mount(app, house.modules)
    health.register(app, house.checks, house.keys)
    ErrorHandler(house.world.randomness, modules).register(app)
    headers.register(app, [url for m in modules for url in m.destinations()], house.settings.secure)
    language.register(app)
    site = {"name": house.settings.portal.name, "demo": house.settings.portal.demo}
    app.context_processor(lambda: {"site": site, "person": current.person(), "lang": language.language()})
    app.wsgi_app = TrustedProxies(app.wsgi_app, house.settings.server.trusted_proxies)  # type: ignore[method-assign]


def key_retention(settings: Settings) -> float:
    """Return how long a retired key stays published, in seconds."""
    return settings.tokens.maximum_lifetime + RETENTION_MARGIN


def _passwords(settings: Settings, randomness: Randomness) -> Passwords:
    return Passwords(randomness, parallel=1, waiting=max(1, settings.server.threads // 2))


def _plug_in(configuration: Configuration, house: Parts, current: Current) -> None:
    problems: list[Problem] = []
    identifier = _main_identifier(house, problems)
    for item in configuration.backends:
        if item.settings.enabled:
            with _Collected(f"backends.{item.name}", problems):
                house.backends[item.name] = item.plugin(item.name, item.settings, house.services)
    for instance in configuration.modules:
        if instance.settings.enabled:
            gateway = _gateway(instance.name, house, current, identifier)
            with _Collected(f"modules.{instance.name}", problems):
                house.modules[instance.name] = instance.plugin(instance.settings, gateway)
    if problems:
        raise ConfigError(problems)


class _Collected:
    """Turns what an instance complains about into problems, so that all come at once."""

    def __init__(self, path: str, problems: list[Problem]) -> None:
        self._path = path
        self._problems = problems

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        errors = error.exceptions if isinstance(error, ExceptionGroup) else [error]
        if not all(isinstance(one, RuleError | ConfigurationError | KeyRingError) for one in errors):
            return False
        self._problems += [self._problem(one) for one in errors]
        return True

    def _problem(self, error: BaseException | None) -> Problem:
        option = error.option if isinstance(error, ConfigurationError) else ""
        path = "" if isinstance(error, RuleError) else ".".join(filter(None, [self._path, option]))
        return Problem(path, str(error))


def _main_identifier(house: Parts, problems: list[Problem]) -> Callable[[Identity], str]:
    with _Collected("", problems):
        expression = compile_expression(house.settings.main_identifier, option="main_identifier")
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
        upstream=house.upstream,
        session=current.fresh,
        require=current.require,
        refresh=house.freshness.identity,
        address=current.address,
        main_identifier=identifier,
        own_issuer=house.own_issuer,
    )


def _mount(app: Flask, modules: dict[str, Module]) -> None:
    problems = [*_bad_paths(modules), *_bad_root_routes(modules)]
    if problems:
        raise ConfigError(problems)
    for name, module in modules.items():
        app.register_blueprint(module.blueprint(), url_prefix=module.settings.path, name=name)
        for method, rule, view in module.root_routes():
            app.add_url_rule(rule, f"{name}:{rule}", view, methods=[method], provide_automatic_options=False)


def _bad_paths(modules: dict[str, Module]) -> Iterable[Problem]:
    for name, module in modules.items():
        path = module.settings.path
        if any(path == taken or path.startswith(taken + "/") for taken in RESERVED):
            yield Problem(f"modules.{name}.path", f'"{path}" is the portal\'s: choose another')


def _bad_root_routes(modules: dict[str, Module]) -> Iterable[Problem]:
    owners = dict.fromkeys(ROOT_ROUTES, "the portal")
    for name, module in modules.items():
        for method, rule, _ in module.root_routes():
            owner = owners.setdefault((method, rule), f"modules.{name}")
            if owner != f"modules.{name}":
                yield Problem(f"modules.{name}", f"wants {method} {rule} at the root, and so does {owner}")
