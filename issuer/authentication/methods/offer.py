"""Which ways to sign in a browser is offered: all of them, or those that the operator's `choice` names."""

import logging
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from issuer.authentication.assurance import AssuranceLevels
from issuer.backend import Backend, FormBackend, RedirectBackend
from issuer.identity import Identity
from issuer.module import ConfigurationError, Module
from issuer.rules import Scope, compile_expression
from issuer.settings.models import SignInSettings
from issuer.world import Clock

VARIABLES = ("service",)
NOBODY = Identity("none", "", "")

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class MethodOffer:
    """Ways to sign in, in their order."""

    forms: tuple[FormBackend, ...]
    redirects: tuple[RedirectBackend, ...]
    direct: RedirectBackend | None
    """Where the browser goes without a page in between."""


class MethodOffers:
    """Chooses among the login backends."""

    def __init__(
        self,
        backends: Mapping[str, Backend],
        modules: Mapping[str, Module],
        settings: SignInSettings,
        levels: AssuranceLevels,
        clock: Clock,
    ) -> None:
        """Compile the choice.

        Raises:
            RuleError: the choice does not compile.
            ConfigurationError: the default is no redirect backend.
        """
        self._backends = backends
        self._modules = modules
        self._default = settings.default
        self._levels = levels
        self._clock = clock
        self._choice = (
            compile_expression(settings.choice, option="sign_in.choice", variables=VARIABLES)
            if settings.choice
            else None
        )
        self._check_default()

    def destinations(self, return_to: str) -> Iterable[str]:
        """Return the base URLs to which a sign-in leads that goes on at an address, or a way to sign in."""
        if module := self.service(return_to):
            yield from module.destinations_of(return_to)
        for backend in self._backends.values():
            yield from backend.destinations()

    def _check_default(self) -> None:
        if self._default and not isinstance(self._backends.get(self._default), RedirectBackend):
            names = [name for name, one in self._backends.items() if isinstance(one, RedirectBackend)]
            text = f"is no redirect backend that is enabled; there are: {', '.join(names) or 'none'}"
            raise ConfigurationError("default", text)

    def service(self, return_to: str) -> Module | None:
        """Return the module that a browser wants to go to."""
        return next((module for module in self._modules.values() if module.owns(return_to)), None)

    def offer(self, return_to: str, address: str, level: int = 0) -> MethodOffer:
        """Return the ways to sign in for a browser at an address that wants to go somewhere.

        Only those are offered that may give the `authLevel` asked for.
        """
        chosen = self._chosen(return_to, address)
        able = [one for one in self._named(chosen) if max(self._levels.of(one), default=0) >= level]
        redirects = tuple(one for one in able if isinstance(one, RedirectBackend))
        forms = tuple(one for one in able if isinstance(one, FormBackend))
        only = redirects[0] if chosen is not None and len(redirects) == 1 and not forms else None
        default = next((one for one in redirects if one.instance == self._default), None)
        return MethodOffer(forms, redirects, only or default)

    def _named(self, chosen: Collection[str] | None) -> Iterable[Backend]:
        if chosen is None:
            return self._backends.values()
        return [self._backends[name] for name in chosen if name in self._backends]

    def _chosen(self, return_to: str, address: str) -> Collection[str] | None:
        """Return the names that the choice gives, None when there is no choice; one that fails gives none."""
        if self._choice is None:
            return None
        request: dict[str, object] = {"ip": address or None, **self._about(return_to)}
        value = self._choice.attribute(Scope(NOBODY, request, self._clock.now()))
        names = [value] if isinstance(value, str) else value or []
        if unknown := [name for name in names if name not in self._backends]:
            _log.warning("sign_in.choice names %s: no login backend that is enabled", ", ".join(unknown))
        return dict.fromkeys(names)

    def _about(self, return_to: str) -> dict[str, object]:
        """Return what the choice sees of the service: the instance's name and the kind of module."""
        found = next(((name, one) for name, one in self._modules.items() if one.owns(return_to)), None)
        return {"service": found[0], "module": found[1].name} if found else {"service": "", "module": ""}
