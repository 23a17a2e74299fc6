"""The login backend contract: a way to sign in.

A backend is one class, declared in the entry-point group `issuer.backends`: a `Settings` model (its
section `[backends.<instance>]`) and `__init__(instance, settings, services)`. There are three kinds. A form
backend checks a login and a password. A redirect backend sends the browser elsewhere, and it comes back. An
ambient backend reads who somebody is from every request.

A backend says who somebody is. What follows is the gateway's, the same for all: mapping and macros, whose the
user name is, the second factor, the session, the security log, and where the browser goes on.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from flask.typing import ResponseReturnValue
from pydantic import Field

from issuer.check import Check
from issuer.crypto.passwords import Passwords
from issuer.identity import Identity
from issuer.settings.base import Section
from issuer.settings.models import Settings
from issuer.settings.types import Duration
from issuer.store import SessionRow, Store
from issuer.upstream import Upstream
from issuer.world import Clock, Randomness

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment


Icon = Literal["building", "card", "globe", "key", "people", "shield"]
"""Drawings for the buttons of the sign-in page; `templates/_icons.html` has them."""


class BackendSettings(Section):
    """Options that every login backend has."""

    type: str = ""
    """The kind of backend; default: the name of the section."""
    enabled: bool = True
    """`false` keeps the section, unused but still validated."""
    auth_level: int = Field(default=1, ge=1, le=100)
    """How strong a sign-in here is: `authLevel` in rules, which can ask for more."""
    refresh_after: Duration = 300.0
    """Attributes and groups older than this are read again before they count."""
    attributes: dict[str, str] = Field(default={})
    """Attributes by expression, over those that the backend gives: `cn = "givenName + ' ' + sn"`."""
    groups: str = ""
    """Expression for the groups: a list of names; default: the groups that the backend gives."""


class RedirectSettings(BackendSettings):
    """Options that every redirect backend has."""

    label: str = Field(default="", max_length=60)
    """The name on its button, as in "Sign in with Example"; default: the name of the section."""
    icon: Icon = "key"
    """The drawing on its button."""


class AmbientSettings(BackendSettings):
    """Options that every ambient backend has."""

    beside_others: bool = False
    """Use it beside other login backends: those are for browsers that do not come through it."""


@dataclass(frozen=True, slots=True)
class BackendServices:
    """What the gateway hands to a login backend."""

    settings: Settings
    store: Store
    clock: Clock
    randomness: Randomness
    passwords: Passwords
    upstream: Upstream
    """Calls to other servers."""
    log_name: Callable[[str], str]
    """Returns what the security log calls an account (`account_key`): a keyed hash."""


class Backend(ABC):  # noqa: B024 - each kind of backend adds its own duties
    """A way to sign in."""

    Settings: ClassVar[type[BackendSettings]] = BackendSettings

    def __init__(self, instance: str, settings: Any, services: BackendServices) -> None:
        """Keep what the backend is made of; raise `ConfigurationError` on contradictions."""
        self.instance = instance
        self.settings = settings
        self.services = services

    def refresh(self, identity: Identity) -> Identity | None:
        """Read somebody again, found by subject; None when they may not sign in any more.

        The default is for what cannot be asked again: the identity of the sign-in goes on to count. Only
        `backend`, `subject` and `uid` of what is given can be relied on.

        Raises:
            issuer.errors.UnavailableError: the backend cannot tell now.
        """
        return identity

    def knows(self, uid: str) -> bool:  # noqa: ARG002 - for those who override it
        """Tell whether somebody has this user name here, whether they signed in before or not.

        Then nobody takes it by another backend. `uid` is as another directory has it; compare without regard
        to case where yours does.

        Raises:
            issuer.errors.UnavailableError: the backend cannot tell now.
        """
        return False

    def auth_level(self, identity: Identity) -> int:  # noqa: ARG002 - for those who override it
        """Return how strong a sign-in of this person was; `identity` is as the backend returned it."""
        level: int = self.settings.auth_level
        return level

    def auth_levels(self) -> Iterable[int]:
        """Return every level that a sign-in here may have: whether it is worth asking for more."""
        return (self.settings.auth_level,)

    def sign_out(self, session: SessionRow) -> str | None:  # noqa: ARG002 - for those who override it
        """Return where the browser goes to be signed out upstream too, when our session has ended."""
        return None

    def destinations(self) -> Iterable[str]:
        """Return the base URLs to which sign-in and sign-out send browsers (for `form-action`)."""
        return ()

    def checks(self) -> Iterable[Check]:
        """Return what readiness depends on."""
        return ()

    def doctor(self) -> Iterable[Check]:
        """Return what `issuer doctor` asks: each dials an upstream with the configured credentials.

        The `issuer.check.CheckError` that `run` raises says the cause and what to do.
        """
        return ()

    def warnings(self) -> Iterable[str]:
        """Return what operators must hear at every start: dangerous options that are on."""
        return ()

    def start(self) -> None:  # noqa: B027 - an ability, not a duty
        """Begin background work; called once in every worker."""

    def stop(self) -> None:  # noqa: B027 - an ability, not a duty
        """End background work and close connections."""


class FormBackend(Backend):
    """A backend behind the sign-in form."""

    @abstractmethod
    def authenticate(self, login: str, password: str) -> Identity | None:
        """Return who signs in with these, or None when they are wrong.

        Whoever is unknown costs as much as a wrong password: exactly one verification. Several form backends
        are tried in their order until one returns somebody; when none does and one was unavailable, people
        hear that, and not that their password is wrong.

        Raises:
            issuer.errors.UnavailableError: the backend cannot tell now.
        """


@dataclass(frozen=True, slots=True)
class Departure:
    """A browser that leaves to sign in elsewhere."""

    wanted: str
    """Where it goes on after that: to be kept as it is, and handed back in the `Arrival`."""
    silent: bool = False
    """Ask for an answer without any page (`prompt=none`, OIDC Core §3.1.2.1)."""
    level: int | None = None
    """The least `authLevel` that is asked for, where the way to sign in can be chosen."""
    since: float = 0.0
    """The person signs in anew: no sign-in from before this will do (seconds since 1970; 0: any will)."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A browser that came back."""

    identity: Identity | None
    """Who it is; None when a silent attempt found nobody."""
    wanted: str
    """What the `Departure` said."""
    sid: str | None = None
    """The upstream's name of the session, by which a back-channel logout ends ours."""
    expires_at: float | None = None
    """Our session ends no later than this (seconds since 1970)."""
    auth_time: float | None = None
    """When the person signed in there (seconds since 1970); None: not known, and never lately enough."""


RedirectRoute = tuple[str, str, Callable[..., ResponseReturnValue]]
"""(method, path, view function) of a route below `/login/<instance>`, as in ("POST", "/backchannel", ...)."""


class RedirectBackend(Backend):
    """A backend behind a button: the browser is sent elsewhere, and comes back.

    It comes to `/login/<instance>/callback`. What must be known again then belongs in a short-lived cookie of
    this browser: set it on the answer of `begin`, take it back in `complete` (`flask.after_this_request`).
    """

    Settings: ClassVar[type[BackendSettings]] = RedirectSettings
    asks_silently: ClassVar[bool] = False
    """Whether it can ask the upstream without any page (`Departure.silent`)."""

    @abstractmethod
    def begin(self, departure: Departure) -> ResponseReturnValue:
        """Send the browser away.

        Raises:
            issuer.errors.UnavailableError: the upstream does not answer.
        """

    @abstractmethod
    def complete(self) -> Arrival:
        """Judge the request in hand, a GET of the callback, and return who came back.

        Raises:
            issuer.errors.GatewayError: this is nobody; the class says what the person reads.
        """

    def routes(self) -> Iterable[RedirectRoute]:
        """Return further routes below `/login/<instance>`, for upstreams that call us.

        A back-channel logout ends sessions with `services.store.sessions.end_upstream` or `end_of`.
        """
        return ()

    def url(self, path: str) -> str:
        """Return the absolute URL of a route of ours, as in `url("/callback")`."""
        return f"{self.services.settings.public_url}login/{self.instance}{path}"


class AmbientBackend(Backend):
    """A backend that reads who somebody is from the request itself, as a proxy in front has put it there.

    It is asked at every request: a session that it began counts only while it says the same subject. It is
    never used beside other backends unless `beside_others` says so.
    """

    Settings: ClassVar[type[BackendSettings]] = AmbientSettings

    @abstractmethod
    def identify(self, environ: "WSGIEnvironment") -> Identity | None:
        """Return who sends a request; None when it does not say.

        `environ["issuer.peer"]` is the address of the connection, whatever a proxy forwards.

        Raises:
            issuer.errors.ForbiddenError: it says so, and must not.
        """
