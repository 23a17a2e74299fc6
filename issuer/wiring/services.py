"""From a configuration to services, login backends and issuer modules."""

from collections.abc import Callable

from pydantic import SecretStr

from issuer.authentication.assurance import AssuranceLevels
from issuer.authentication.current_session import CurrentSession
from issuer.authentication.factors import Factors
from issuer.authentication.identities.refresh import AttributeRefresh
from issuer.authentication.identities.resolver import IdentityResolver, Macros
from issuer.authentication.log_names import LogNames
from issuer.authentication.methods.proxy_header import ProxyHeaderSignIn
from issuer.authentication.sessions import PortalSessions
from issuer.backend import Backend, BackendServices
from issuer.crypto.passwords import Passwords
from issuer.identity import Identity
from issuer.issuance import Issuance
from issuer.keys import RETENTION_MARGIN, KeyRing
from issuer.module import Gateway, Instances, PortalAccess
from issuer.observability import audit
from issuer.rules import compile_expression
from issuer.rules.rule import NamedBy
from issuer.settings.models import Settings
from issuer.settings.problems import ConfigError, Problem
from issuer.store import Session, Store, StoreError
from issuer.store.housekeeping import Housekeeper
from issuer.upstream import Upstream
from issuer.web.application import client_address_in_hand
from issuer.web.cookies import Cookies
from issuer.wiring.configuration import Configuration
from issuer.wiring.container import Parts, World
from issuer.wiring.problems import CollectedProblems, ambient_conflicts
from issuer.world import Clock, Randomness


def open_store(configuration: Configuration, world: World) -> Store:
    """Open the store, with the tables of every enabled module; raise `ConfigError` when it cannot be."""
    settings = configuration.settings
    kinds = dict.fromkeys(instance.plugin for instance in configuration.modules if instance.settings.enabled)
    tables = [found for kind in kinds if (found := kind.tables())]
    kept, wait = settings.store.issuance_retention, max(settings.store.longest_wait, world.longest_wait)
    try:
        return Store.open(settings.store_url, world.clock, kept, tables, wait)
    except StoreError as error:
        raise ConfigError([Problem("store.url", str(error))]) from None


def build(configuration: Configuration, world: World, store: Store) -> tuple[Parts, CurrentSession]:
    """Return the parts of an application, with every login backend and module made.

    Raises:
        ConfigError: with every contradiction that this shows.
    """
    settings, clock, randomness = configuration.settings, world.clock, world.randomness
    sessions = PortalSessions(store, settings.sessions, clock, randomness)
    backends: dict[str, Backend] = {}
    resolver = _resolver(settings, backends, store, clock)
    factors = Factors(settings, backends, store, clock, randomness)
    levels = AssuranceLevels(backends, factors.levels, resolver.raised)
    upstream = Upstream(settings.upstream, clock, settings.server.threads)
    passwords = Passwords(randomness, parallel=1, waiting=max(1, settings.server.threads // 2))
    keys = KeyRing(settings.keys.directory, clock, retention=key_retention(settings))
    log_names = _log_names(configuration, keys, randomness)
    house = Parts(
        settings=settings,
        world=world,
        store=store,
        keys=keys,
        cookies=Cookies(settings),
        sessions=sessions,
        issuance=Issuance(store, settings.tokens, clock, randomness, world.metrics, levels.stronger),
        upstream=upstream,
        backends=backends,
        resolver=resolver,
        attributes=AttributeRefresh(backends, resolver, store, clock),
        factors=factors,
        levels=levels,
        log_names=log_names,
        modules={},
        services=BackendServices(settings, store, clock, randomness, passwords, upstream, log_names.of),
        housekeeper=Housekeeper(store, world.metrics.level("issuer_store_bytes", STORE_BYTES, []).set),
    )
    current = _current_session(house)
    _plug_in(configuration, house, current)
    store.sessions.enders += [module.end_with_sessions for module in house.modules.values()]
    store.sessions.listeners += [module.sessions_ended for module in house.modules.values()]
    return house, current


def _log_names(configuration: Configuration, keys: KeyRing, randomness: Randomness) -> LogNames:
    key = configuration.settings.second_factor.key
    others = {
        f"modules.{item.name}.{option}": value.get_secret_value()
        for item in configuration.modules
        for option, value in item.settings
        if isinstance(value, SecretStr)
    }
    return LogNames(key.get_secret_value() if key else None, keys, others, randomness)


def _current_session(house: Parts) -> CurrentSession:
    proxy_header = ProxyHeaderSignIn(
        house.backends, house.resolver, house.sessions, house.cookies, house.world.metrics
    )
    return CurrentSession(
        house.sessions,
        house.attributes,
        proxy_header,
        house.cookies,
        house.backends,
        house.settings.public_url,
    )


def _resolver(
    settings: Settings, backends: dict[str, Backend], store: Store, clock: Clock
) -> IdentityResolver:
    problems: list[Problem] = []
    with CollectedProblems("macros", problems):
        return IdentityResolver(backends, Macros(settings.macros), settings.sign_in.same_people, store, clock)
    raise ConfigError(problems)


STORE_BYTES = "Bytes of the store, without SQLite's log"


def key_retention(settings: Settings) -> float:
    """Return how long a retired key stays published, in seconds."""
    return settings.tokens.maximum_lifetime + RETENTION_MARGIN


def _plug_in(configuration: Configuration, house: Parts, current: CurrentSession) -> None:
    problems: list[Problem] = []
    identifier = _main_identifier(house, problems)
    for item in configuration.backends:
        if item.settings.enabled:
            with CollectedProblems(f"backends.{item.name}", problems):
                backend = item.plugin(item.name, item.settings, house.services)
                house.resolver.add(backend)
                house.backends[item.name] = backend
    problems += ambient_conflicts(house.backends)
    for instance in configuration.modules:
        if instance.settings.enabled:
            gateway = _gateway(instance.name, house, current, identifier)
            with CollectedProblems(f"modules.{instance.name}", problems):
                house.modules[instance.name] = instance.plugin(instance.settings, gateway)
    if problems:
        raise ConfigError(problems)


def _main_identifier(house: Parts, problems: list[Problem]) -> Callable[[Identity], str]:
    text, macros = house.settings.main_identifier, house.settings.macros
    with CollectedProblems("", problems):
        expression = compile_expression(text, option="main_identifier", variables=macros)
        return NamedBy(expression, house.world.clock.now).name_of
    return lambda identity: identity.uid


def _gateway(
    instance: str, house: Parts, current: CurrentSession, identifier: Callable[[Identity], str]
) -> Gateway:
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
        address=client_address_in_hand,
        main_identifier=identifier,
        macros=tuple(house.settings.macros),
        portal=PortalAccess(
            refresh=house.attributes.identity,
            levels_above=house.levels.above,
            end_session=lambda session: _end_session(house.sessions, session, current.address()),
            check_origin=current.check_origin,
        ),
        instances=Instances(house.modules.get, house.own_issuer),
    )


def _end_session(sessions: PortalSessions, session: Session, address: str) -> None:
    sessions.end(session)
    audit.signed_out(session.identity, address)
