"""The module contract: what an issuer module is, and what the gateway hands to it.

A module is one class, declared in the entry-point group `issuer.modules`. Having a section
`[modules.<instance>]` enables an instance. The host owns the phases of every issuance (`issuer.issuance`).
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import click
from flask import Blueprint
from flask.typing import ResponseReturnValue

from issuer.bearer import IssuerOf, TokenIssuer
from issuer.check import Check
from issuer.errors import Refusal
from issuer.identity import Identity
from issuer.issuance import Issuance, Phases
from issuer.keys import KeyRing
from issuer.observability.metrics import Metrics
from issuer.rules import Rule
from issuer.settings.base import Section
from issuer.settings.models import Settings
from issuer.settings.types import MountPath
from issuer.signing import Signer
from issuer.store import Session, Store, Tables
from issuer.upstream import Upstream
from issuer.world import Clock, Randomness


class ConfigurationError(Exception):
    """A contradiction in the configuration that only shows when an instance is made.

    Args:
        option: the option at fault, relative to the instance's section ("" for the section itself).
        text: what is wrong and what to do.
    """

    def __init__(self, option: str, text: str) -> None:
        super().__init__(text)
        self.option = option


@dataclass(frozen=True, slots=True)
class SignInPage:
    """A sign-in page of the other side's own, which is a client of a provider here."""

    modules: tuple[str, ...]
    """The modules that it needs beside the one that it belongs to."""
    sections: str
    """TOML: what the configuration needs."""
    told: str
    """What goes into the configuration of the other side."""


class ModuleSettings(Section):
    """Options that every issuer module has."""

    type: str = ""
    """The kind of module; default: the name of the section."""
    enabled: bool = True
    """`false` takes the instance away; its section is still validated."""
    path: MountPath = "/"
    """Where the instance's routes live; default: "/" and the type."""
    rule: str = "1"
    """Use rule: who may have a token from this instance. `1` is everybody who can sign in."""


@dataclass(frozen=True, slots=True)
class TileForm:
    """A form with one text field on a tile, sent by GET."""

    action: str
    field: str
    label: str
    button: str
    placeholder: str = ""


@dataclass(frozen=True, slots=True)
class Tile:
    """A service on the portal's home."""

    title: str
    text: str
    href: str | None = None
    form: TileForm | None = None
    icon: str = "link"


RootRoute = tuple[str, str, Callable[..., ResponseReturnValue]]
"""(method, path, view function) of a route that must be at the root."""


@dataclass(frozen=True, slots=True)
class PortalAccess:
    """What the portal does for modules whose pages are part of a sign-in."""

    refresh: Callable[[Identity], Identity | None]
    """A person as their login backend knows them now, for tokens without a session; None: gone."""
    levels_above: Callable[[Identity], Iterable[int]]
    """How much more strongly somebody can sign in, the least first."""
    end_session: Callable[[Session], None]
    """Sign out the person of the request in hand."""
    check_origin: Callable[[], None]
    """Refuse the request in hand unless it is a form that one of our own pages has sent."""


@dataclass(frozen=True, slots=True)
class Instances:
    """The issuer modules of this gateway, once all are made."""

    find: Callable[[str], "Module | None"]
    """An instance by its name: for what its `phases` can do."""
    own_issuer: IssuerOf
    """Finds, by its `iss`, the module whose access tokens say who asks."""


@dataclass(frozen=True, slots=True)
class Gateway:
    """The services that an instance gets; there is nothing global besides."""

    instance: str
    settings: Settings
    clock: Clock
    randomness: Randomness
    store: Store
    keys: KeyRing
    issuance: Issuance
    metrics: Metrics
    upstream: Upstream
    """Calls to other servers."""
    session: Callable[[], Session | None]
    """The session of the request in hand, or None; its person was read lately."""
    require: Callable[[], Session]
    """The same, but somebody who is not signed in is sent to the sign-in page and comes back."""
    address: Callable[[], str]
    """The address of the client of the request in hand."""
    macros: tuple[str, ...]
    """The operator's macros: variables of every rule, to be named when it is compiled."""
    main_identifier: Callable[[Identity], str]
    """A person's main identifier, as tokens name them."""
    portal: PortalAccess
    """For modules whose pages are part of a sign-in."""
    instances: Instances
    """The other instances."""

    @property
    def own_issuer(self) -> IssuerOf:
        """Return what finds, by its `iss`, the module here whose access tokens say who asks."""
        return self.instances.own_issuer


class Module(ABC):
    """An issuer module: turns an identity into tokens that another system trusts."""

    name: ClassVar[str]
    title: ClassVar[str]
    """What people call the service, as in "to continue to Jitsi Meet"."""
    in_sample: ClassVar[bool] = True
    """Whether `issuer init` writes a section for it."""
    key_uses: ClassVar[tuple[str, ...]] = ()
    """Uses of the key ring that the module may sign with; `issuer init` makes their first keys."""
    Settings: ClassVar[type[ModuleSettings]] = ModuleSettings

    def __init__(self, settings: Any, gateway: Gateway) -> None:
        """Keep what the instance is made of; raise `ConfigurationError` on contradictions."""
        self.settings = settings
        self.gateway = gateway

    @classmethod
    def wanted_keys(cls, settings: Any) -> Iterable[str]:  # noqa: ARG003 - for those who override it
        """Return the uses of which `keys.generate` makes the first key, for an instance of such settings."""
        return cls.key_uses

    @classmethod
    def sign_in_page(cls, public_url: str) -> "SignInPage | None":  # noqa: ARG003 - for those who override it
        """Return what `issuer init --sign-in-page` adds, None when people sign in at the portal alone."""
        return None

    @classmethod
    def tables(cls) -> Tables | None:
        """Return the tables that all instances of the module share; None when it has none."""
        return None

    @abstractmethod
    def blueprint(self) -> Blueprint:
        """Return the routes, to be mounted at `settings.path`."""

    def owns(self, path: str) -> bool:
        """Tell whether a path is one of this instance's routes."""
        return path.startswith(f"{self.settings.path}/")

    def checks(self) -> Iterable[Check]:
        """Return what `issuer check` and readiness ask."""
        return ()

    def doctor(self) -> Iterable[Check]:
        """Return what `issuer doctor` asks: each dials a server with the configured credentials.

        The `CheckError` that `run` raises says the cause and what to do.
        """
        return ()

    def tiles(self, session: Session) -> Iterable[Tile]:  # noqa: ARG002 - for those who override it
        """Return what the portal's home shows of this instance to somebody."""
        return ()

    def token_issuers(self) -> Iterable[TokenIssuer]:
        """Return whose tokens of this instance other instances may take as proof of who asks."""
        return ()

    def room_path(self, room: str, tenant: str | None) -> str | None:  # noqa: ARG002 - for those who override it
        """Return the path here that leads into a room again, for the home page; None when there is none."""
        return None

    def destinations(self) -> Iterable[str]:
        """Return the base URLs that a browser is sent to after sign-in (for `form-action`).

        `http://127.0.0.1:*` stands for every port, `com.example.app:` for every address of a scheme.
        """
        return ()

    def service_name(self, return_to: str) -> str:  # noqa: ARG002 - for those who override it
        """Return what people call that to which an address (path and query) of this instance leads.

        As in "to continue to Jitsi Meet".
        """
        return self.title

    def destinations_of(self, return_to: str) -> Iterable[str]:  # noqa: ARG002 - for those who override it
        """Return those of the `destinations` to which an address (path and query) of this instance leads.

        They stand in the page of the sign-in, where everybody reads them: an instance that has many says here
        which of them it is.
        """
        return self.destinations()

    def root_routes(self) -> Iterable[RootRoute]:
        """Return routes that must be at the root of the host."""
        return ()

    def large_bodies(self) -> Mapping[str, tuple[int, Callable[[str], bool]]]:
        """Return the paths, as clients write them, whose bodies may be larger than 64 KiB.

        For each the limit in bytes, and what tells by the field `Authorization`, before the body is read,
        whether its sender may send so much; it must not wait for anything.
        """
        return {}

    def refusal(self, refusal: Refusal) -> ResponseReturnValue | None:  # noqa: ARG002 - for those who override it
        """Return the answer to an error on a path that this instance `owns`; None for the portal's page."""
        return None

    def warnings(self) -> Iterable[str]:
        """Return what operators must hear at every start: dangerous options that are on."""
        return ()

    def notes(self) -> Iterable[str]:
        """Return what the other side must be told of this instance: `issuer check` shows it."""
        return ()

    def commands(self) -> Iterable[click.Command]:
        """Return commands for the `issuer` command line."""
        return ()

    def token(self, identity: Identity, wishes: dict[str, str]) -> str:
        """Issue a token for somebody from the command line (`issuer token`), without a browser."""
        raise NotImplementedError(f"{self.name} gives no tokens from the command line")

    def phases(self, wishes: Mapping[str, str]) -> Phases:
        """Return the phases of a token that another instance hands out, to somebody it vouches for.

        Raises:
            issuer.errors.BadRequestError: there is no token for these wishes.
        """
        raise NotImplementedError(f"{self.name} gives no tokens to other modules")

    def end_with_sessions(self, sessions: Sequence[bytes], successor: bytes | None) -> None:  # noqa: B027
        """End what hangs on portal sessions that are being ended, by the hashes of their ids.

        It is called within the transaction that ends them: what is written here with
        `gateway.store.database.write()` is committed together with their end, or neither is, when anything
        fails. So nothing here may wait for another server. `successor` is the session that the same person
        has in their place; it lives until the transaction ends.
        """

    def sessions_ended(self, sessions: Sequence[bytes], successor: bytes | None) -> None:  # noqa: B027
        """Hear that portal sessions were ended (not that they expired), when that is committed.

        They are named by the hashes of their ids. A process may die before it says so: what must not be lost
        is done in `end_with_sessions`.

        `successor` is the session that the same person has in their place, after signing in anew.
        """

    def start(self) -> None:  # noqa: B027 - an ability, not a duty
        """Begin background work; called once in every worker."""

    def stop(self) -> None:  # noqa: B027 - an ability, not a duty
        """End background work."""


class SessionPhases(Phases):
    """The phases of a token for whoever is signed in at the portal, by one rule and with one signer.

    What is left to say are the claims and the answer.
    """

    def __init__(self, owner: Module, rule: Rule, signer: Signer) -> None:
        """Keep the instance that gives the token, its rule and its signer."""
        self.instance = owner.gateway.instance
        self.module = owner.name
        self.owner: Any = owner
        self._rule = rule
        self._signer = signer

    def authenticate(self) -> Identity:
        """Return who is signed in; anybody else is sent to the sign-in page."""
        identity: Identity = self.owner.gateway.require().identity
        return identity

    def rule(self) -> Rule:
        """Return the rule."""
        return self._rule

    def signer(self) -> Signer:
        """Return the signer."""
        return self._signer
