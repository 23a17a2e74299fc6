"""What an application is made of; `parts(app)` returns it, for the command line and tests."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from flask import Flask, current_app

from issuer.authentication.assurance import AssuranceLevels
from issuer.authentication.factors import Factors
from issuer.authentication.identities.refresh import AttributeRefresh
from issuer.authentication.identities.resolver import IdentityResolver
from issuer.authentication.log_names import LogNames
from issuer.authentication.sessions import PortalSessions
from issuer.backend import Backend, BackendServices
from issuer.bearer import TokenIssuer
from issuer.check import Check
from issuer.issuance import Issuance
from issuer.keys import KeyRing
from issuer.matrix.doctor import homeserver_checks
from issuer.module import Module
from issuer.observability.metrics import Metrics, NoMetrics
from issuer.settings.models import Settings
from issuer.store import Store
from issuer.store.housekeeping import Housekeeper
from issuer.upstream import Upstream
from issuer.web.cookies import Cookies
from issuer.world import Clock, Randomness, SystemClock, SystemRandomness


@dataclass(frozen=True, slots=True)
class World:
    """Time, randomness and counters: what a test replaces."""

    clock: Clock = field(default_factory=SystemClock)
    randomness: Randomness = field(default_factory=SystemRandomness)
    metrics: Metrics = field(default_factory=NoMetrics)
    longest_wait: float = 0.0
    """Seconds for which the database is waited for, if that is more than `store.longest_wait`."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What an application is made of."""

    settings: Settings
    world: World
    store: Store
    keys: KeyRing
    cookies: Cookies
    sessions: PortalSessions
    issuance: Issuance
    upstream: Upstream
    backends: dict[str, Backend]
    resolver: IdentityResolver
    attributes: AttributeRefresh
    """Reads people again."""
    factors: Factors
    levels: AssuranceLevels
    log_names: LogNames
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
        yield from self.settings.warnings()
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
