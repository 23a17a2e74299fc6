"""The login backend contract: a way to sign in.

A backend is one class, declared in the entry-point group `issuer.backends`: a `Settings` model (its
section `[backends.<instance>]`) and `__init__(instance, settings, services)`. A form backend checks a login
and a password.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

from issuer.check import Check
from issuer.identity import Identity
from issuer.passwords import Passwords
from issuer.settings.base import Section
from issuer.store import Store
from issuer.world import Clock, Randomness


class BackendSettings(Section):
    """Options that every login backend has."""

    type: str = ""
    """The kind of backend; default: the name of the section."""
    enabled: bool = True
    """`false` keeps the section, unused but still validated."""


@dataclass(frozen=True, slots=True)
class BackendServices:
    """What the gateway hands to a login backend."""

    store: Store
    clock: Clock
    randomness: Randomness
    passwords: Passwords


class Backend(ABC):  # noqa: B024 - each kind of backend adds its own duties
    """A way to sign in."""

    Settings: ClassVar[type[BackendSettings]] = BackendSettings

    def __init__(self, instance: str, settings: Any, services: BackendServices) -> None:
        """Keep what the backend is made of; raise `ConfigurationError` on contradictions."""
        self.instance = instance
        self.settings = settings
        self.services = services

    def checks(self) -> Iterable[Check]:
        """Return what readiness depends on."""
        return ()


class FormBackend(Backend):
    """A backend behind the sign-in form."""

    @abstractmethod
    def authenticate(self, login: str, password: str) -> Identity | None:
        """Return who signs in with these, or None when they are wrong.

        Whoever is unknown costs as much as a wrong password: exactly one verification.

        Raises:
            issuer.errors.UnavailableError: the backend cannot tell now.
        """
