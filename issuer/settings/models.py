"""The options of the core, section by section; each docstring is that option's line in the reference.

Issuer modules and login backends declare their own sections (`modules.<instance>`, `backends.<instance>`).
"""

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal, Self
from urllib.parse import quote, urlsplit

from pydantic import Field, field_validator, model_validator

from issuer.settings.base import ConfigPath, Section
from issuer.settings.secrets import weakness
from issuer.settings.types import (
    BaseUrl,
    Bind,
    CaFile,
    Duration,
    DurationOrNone,
    Network,
    PublicUrl,
    Secret,
    is_loopback,
)

SERVER_NAME = re.compile(r"\*|([A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(:[0-9]{1,5})?")
"""Close enough to find typing errors; what strangers send is read by `issuer.matrix.names`."""


NARROW_ENOUGH = 8
"""Bits of a network that can be somebody's own, as in 10.0.0.0/8."""


class ServerSettings(Section):
    """How the gateway listens."""

    bind: Bind = "127.0.0.1:8080"
    """Address and port to listen on."""
    workers: int = Field(default=0, ge=0, le=256)
    """Worker processes; 0 means one for each core."""
    threads: int = Field(default=16, ge=1, le=512)
    """Request threads of each worker."""
    tls_certificate: ConfigPath | None = None
    """PEM file with the certificate chain, to serve https without a reverse proxy."""
    tls_key: ConfigPath | None = None
    """PEM file with the certificate's private key."""
    trusted_proxies: list[Network] = Field(default=[])
    """Addresses of reverse proxies whose `forwarded_header` is believed."""
    forwarded_header: Literal["X-Forwarded-For", "Forwarded"] = "X-Forwarded-For"
    """The one header in which the reverse proxies write the client's address; the other is dropped unread.
    `Forwarded` is that of RFC 7239."""
    connections_per_address: int = Field(default=256, ge=1)
    """Connections that one address (IPv6: one /64 network) may have to each worker; for one more, the
    one that was silent for longest is closed. Those of `trusted_proxies` are not counted."""
    metrics_bind: Bind | None = None
    """Address and port for `/metrics` (Prometheus); off when absent. Do not open it to the public."""

    @model_validator(mode="after")
    def _both_tls_files(self) -> Self:
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError("tls_certificate and tls_key go together: give both or none")
        return self

    @property
    def worker_count(self) -> int:
        """Return the number of worker processes."""
        return self.workers or os.cpu_count() or 1


class StoreSettings(Section):
    """Where sessions, users and issuances are kept."""

    url: Secret | None = None
    """`sqlite:////path/to/file` or `postgresql://user:password@host/name`; default: a file in `data_dir`."""
    issuance_retention: Duration = 90 * 86400.0
    """How long the record of an issuance is kept after the token expired."""
    longest_wait: Duration = Field(default=5.0, ge=1.0)
    """How long a request waits for the database, from joining the queue; then it is answered 503."""


class LogSettings(Section):
    """What is logged, to standard error."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """Least severity that is logged."""
    format: Literal["json", "text"] = "json"
    """`json`: one object a line, for machines. `text`: for people."""


class PortalSettings(Section):
    """The pages that people see."""

    name: str = Field(default="Sign-in", min_length=1, max_length=60)
    """The name of your service, shown on every page."""
    support: str = Field(default="", max_length=200)
    """Whom people ask for help, on pages that refuse: a mail address, an address of a page, or words."""
    demo: bool = False
    """Say on every page that this is a demo, and refuse to listen on anything but loopback."""

    @property
    def support_link(self) -> str | None:
        """Where a click on `support` leads, or None when it is words."""
        if re.fullmatch(r"https?://[!-~]+", self.support):
            return self.support
        return f"mailto:{self.support}" if re.fullmatch(r"[!-?A-~]+@[A-Za-z0-9.-]+", self.support) else None


class SessionSettings(Section):
    """How long a sign-in lasts."""

    idle_timeout: Duration = 2 * 3600.0
    """A session that nobody uses for this long ends."""
    lifetime: Duration = 12 * 3600.0
    """A session ends this long after the sign-in, used or not."""

    @model_validator(mode="after")
    def _order(self) -> Self:
        if self.idle_timeout > self.lifetime:
            raise ValueError("idle_timeout is longer than lifetime: make it shorter")
        return self


class SignInSettings(Section):
    """How people sign in: which backends are offered, and the protection of the form against guessing."""

    account_attempts: int = Field(default=5, ge=1)
    """Wrong passwords for one account before its sign-in pauses for the network that they came from (IPv6:
    one /48). Other networks, and known browsers, are spared."""
    address_attempts: int = Field(default=30, ge=1)
    """Wrong passwords from one address (IPv6: one /64 network) before its sign-in pauses."""
    first_wait: Duration = 10.0
    """The first pause; each further wrong password doubles it."""
    longest_wait: Duration = 900.0
    """The longest pause."""
    forget_after: Duration = 3600.0
    """Wrong passwords are forgotten after this long without another one."""
    browser_memory: Duration = 180 * 86400.0
    """How long a browser is remembered as one that signed in to an account."""
    default: str = ""
    """The redirect backend that browsers are sent to without a page in between."""
    choice: str = ""
    """Expression for the login backends to offer: a name or a list of names; default: all. It sees `ip`,
    `service` (the instance of a module that is wanted, or "") and `module` (its type)."""
    same_people: list[list[str]] = Field(default=[])
    """Login backends whose user names mean the same people: `[["ldap", "keycloak"]]`. Between others, a name
    belongs to whoever had it first."""

    @model_validator(mode="after")
    def _order(self) -> Self:
        if self.first_wait > self.longest_wait:
            raise ValueError("first_wait is longer than longest_wait: make it shorter")
        return self


class SecondFactorSettings(Section):
    """A code from an authenticator app, besides the password of the sign-in form."""

    key: Secret | None = None
    """Encrypts what the apps share with the gateway; without it there is no second factor. Keep a copy, apart
    from that of the database: when it is lost, everybody has to set up their app again."""
    required: str = "0"
    """Rule for who must have one; others may. One that fails means yes. It sees `ip`."""
    auth_level: int = Field(default=2, ge=1, le=100)
    """The `authLevel` of a sign-in with a code, if its backend's own is not higher."""
    backends: list[str] = Field(default=[])
    """Login backends whose people can have one; default: all with a form. People of others sign in by
    password alone, except for those who have one already."""

    @model_validator(mode="after")
    def _has_a_key(self) -> Self:
        if self.key is None and (self.required.strip() not in {"0", "deny", "false"} or self.backends):
            raise ValueError("key is missing: make one with `openssl rand -hex 32`, and put it into key_file")
        if self.key is not None and (fault := weakness(self.key, 32)):
            raise ValueError(f"key {fault}")
        return self


class KeySettings(Section):
    """Where signing keys are kept."""

    directory: ConfigPath = Path("keys")
    """Folder of the key ring; several machines share it."""
    generate: bool = False
    """Make at the start the keys that instances need and that are missing, for containers without a shell."""


class TokenSettings(Section):
    """Bounds for the lifetime of every token; a module may narrow them, and a wish outside is clipped."""

    minimum_lifetime: Duration = 10.0
    """Shortest lifetime."""
    default_lifetime: Duration = 300.0
    """Lifetime where a module says nothing."""
    maximum_lifetime: Duration = 86400.0
    """Longest lifetime; also how long a retired key stays published."""

    @model_validator(mode="after")
    def _order(self) -> Self:
        if not self.minimum_lifetime <= self.default_lifetime <= self.maximum_lifetime:
            raise ValueError("must hold: minimum_lifetime <= default_lifetime <= maximum_lifetime")
        return self


class UpstreamSettings(Section):
    """Calls to other servers: homeservers, SFUs, identity providers."""

    connect_timeout: Duration = 3.0
    """Longest time to find a server's address, connect and agree on TLS."""
    total_timeout: Duration = 10.0
    """Longest time for a call, redirects included; for a homeserver, its discovery included."""
    largest_answer: int = Field(default=65536, ge=1024)
    """Most bytes of an answer that are read; a longer one is refused."""
    redirects: int = Field(default=5, ge=0, le=20)
    """Most redirects that are followed, where any are."""
    per_destination: int = Field(default=0, ge=0)
    """Calls of one worker to one server at the same time; 0 means three quarters of `server.threads`.
    For a server that strangers named, never more than a quarter."""
    ca_file: CaFile | None = None
    """PEM file with certificate authorities to trust besides the system's."""
    allow_private_networks: bool = False
    """Let homeservers that strangers name be in private networks; they can then make us connect there."""
    refused_networks: list[Network] = Field(default=[])
    """Further networks that strangers cannot make this machine connect to."""

    @model_validator(mode="after")
    def _order(self) -> Self:
        if self.connect_timeout > self.total_timeout:
            raise ValueError("connect_timeout is longer than total_timeout: make it shorter")
        return self


class HomeserverSettings(Section):
    """A homeserver that is asked who is in a room, by its server name; "*" where its name does not matter."""

    url: BaseUrl = Field(examples=["https://matrix.example.com/"])
    """The address at which this machine reaches its APIs."""
    access_token: Secret
    """The access token of a server administrator; with the client-server API, of an account in the rooms."""
    api: Literal["synapse-admin", "client-server"] = "synapse-admin"
    """Whom to ask: Synapse's admin API knows every room; the client-server API, which every homeserver has,
    those that the account of the token is in."""
    media_url: BaseUrl | None = None
    """Where browsers get people's pictures; default: `url`, if it is https."""


class MatrixSettings(Section):
    """Matrix rooms: who is in them, for the module `matrix` and for Jitsi tokens for Matrix users."""

    membership_cache: DurationOrNone = 10.0
    """How long it is remembered who is in a room; 0 remembers nothing."""
    homeservers: dict[str, HomeserverSettings] = Field(default={})
    """Homeservers by their server names; they may be in private networks."""

    @field_validator("homeservers")
    @classmethod
    def _names(cls, servers: dict[str, HomeserverSettings]) -> dict[str, HomeserverSettings]:
        for name in servers:
            if not SERVER_NAME.fullmatch(name):
                raise ValueError(f'"{name}" is not a server name: write it as "example.com"')
        return servers


class Settings(Section):
    """The whole configuration file."""

    public_url: PublicUrl
    """The address at which browsers reach the portal, as in "https://auth.example.com/"."""
    data_dir: ConfigPath = Field(default=Path("data"))
    """Folder for the embedded database."""
    main_identifier: str = "uid"
    """Expression for a person's main identifier, as tokens name them."""
    server: ServerSettings = ServerSettings()
    store: StoreSettings = StoreSettings()
    log: LogSettings = LogSettings()
    portal: PortalSettings = PortalSettings()
    sessions: SessionSettings = SessionSettings()
    sign_in: SignInSettings = SignInSettings()
    second_factor: SecondFactorSettings = SecondFactorSettings()
    keys: KeySettings = KeySettings()
    tokens: TokenSettings = TokenSettings()
    upstream: UpstreamSettings = UpstreamSettings()
    macros: dict[str, str] = Field(default={})
    """Named expressions over a person, computed at sign-in: rules have them as variables."""
    matrix: MatrixSettings = MatrixSettings()
    backends: dict[str, dict[str, Any]] = Field(default={}, repr=False)
    """Login backends, one section each; without any, the local users."""
    modules: dict[str, dict[str, Any]] = Field(default={}, repr=False)
    """Issuer modules, one section for each instance."""

    @model_validator(mode="after")
    def _demo_stays_home(self) -> Self:
        binds = {"bind": self.server.bind, "metrics_bind": self.server.metrics_bind}
        for name, bind in binds.items():
            if self.portal.demo and bind and not is_loopback(bind):
                raise ValueError(f"a demo listens on loopback only: let server.{name} begin with 127.0.0.1")
        return self

    def warnings(self) -> Iterable[str]:
        """Return what is dangerous in these options, each text with the remedy."""
        wide = [str(network) for network in self.server.trusted_proxies if network.prefixlen < NARROW_ENOUGH]
        if wide:
            yield (
                f"server.trusted_proxies has {', '.join(wide)}: whoever connects from there chooses the"
                " address that rules and limits see. Name the addresses of your reverse proxies alone"
            )
        host = urlsplit(self.public_url).hostname or ""
        if not self.secure and not is_loopback(f"[{host}]:0" if ":" in host else f"{host}:0"):
            yield (
                f"public_url is {self.public_url}: without https, everybody on the way can take passwords and"
                " sessions. Let it begin with https://"
            )

    @property
    def store_url(self) -> str:
        """Return the URL of the database (it may hold a password)."""
        if self.store.url is not None:
            return self.store.url.get_secret_value()
        return f"sqlite:///{quote(str(self.data_dir / 'issuer.db'))}"

    @property
    def secure(self) -> bool:
        """Tell whether browsers reach the portal by https."""
        return self.public_url.startswith("https:")
