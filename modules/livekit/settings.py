"""The options of a LiveKit server's section, `[modules.<instance>]`."""

import re
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, ValidationInfo, field_validator, model_validator

from issuer.matrix.names import server_name
from issuer.module import ModuleSettings
from issuer.settings.base import Section
from issuer.settings.secrets import weakness
from issuer.settings.types import BaseUrl, Duration, Secret
from issuer.signing import HMAC_BYTES
from modules.livekit.delegation.redis.layout import connect
from modules.livekit.people.settings import PeopleSettings

ALGORITHM = "HS256"
EVERY = "*"


def _sfu_url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in {"ws", "wss", "http", "https"} or not parts.hostname or re.search(r"\s", text):
        raise ValueError('not the address of an SFU: write it as "wss://sfu.example.com"')
    if parts.username is not None or parts.query or parts.fragment:
        raise ValueError("the address of an SFU has no user, no query and no fragment")
    parts.port  # noqa: B018 - raises ValueError when the port is out of range
    return text


def _server_name(text: str) -> str:
    return text if text == EVERY else server_name(text)


SfuUrl = Annotated[str, AfterValidator(_sfu_url)]
HomeserverName = Annotated[str, AfterValidator(_server_name)]


class ApplicationServiceSettings(Section):
    """A homeserver that knows us as an application service."""

    name: HomeserverName = Field(examples=["example.com"])
    """Its server name."""
    as_token: Secret
    """The `as_token` of the application service, registered there with `rate_limited: false`. Restarts of
    delayed leave events carry it; without one, a homeserver allows only a few in all."""

    @field_validator("as_token")
    @classmethod
    def _token_fits(cls, token: Secret) -> Secret:
        if not re.fullmatch(r"[\x21-\x7e]+", token.get_secret_value()):
            raise ValueError("is empty, or has characters that a header cannot carry")
        return token


class LiveKitSettings(ModuleSettings):
    """One LiveKit server (SFU), for Matrix users, for people who sign in here, or both."""

    url: SfuUrl = Field(examples=["wss://sfu.example.com"])
    """The websocket address of the SFU. Clients get it with their token; rooms are created there too."""
    api_key: str = Field(min_length=1, max_length=200, examples=["APIexample"])
    """The API key, as the SFU's configuration has it in `keys`."""
    allow_weak_secret: bool = False
    """Take an `api_secret` that is short or known; only for experiments."""
    api_secret: Secret
    """The secret of the API key."""
    full_access_homeservers: list[HomeserverName] | None = Field(default=None, examples=[["example.com"]])
    """Homeservers whose users get the room created if it is not there; with `"*"` among them, all. Users of
    others can only join. Those that are named here, in `cs_api_urls` or in `homeservers` may be in private
    networks. Without this option there are no tokens for Matrix users."""
    full_access: str = "1"
    """Who of those users has full access."""
    everybody_can_publish: bool = False
    """Let users without full access publish too. By default they only watch and listen here, and publish on
    the SFU of their own homeserver, as clients of MSC4195 do. Clients that know one SFU for all need this."""
    can_update_own_metadata: bool = False
    """Let participants change their own name, metadata and attributes on the SFU."""
    expiration: Duration = 3600.0
    """How long a token is good for joining."""
    at_root: bool = False
    """Answer at the root of the host too, for reverse proxies that strip a prefix."""
    cs_api_urls: dict[HomeserverName, BaseUrl] = Field(default={})
    """Addresses of client-server APIs by server name, where well-known files do not say them."""
    homeservers: list[ApplicationServiceSettings] = Field(default=[])
    sanity_check_interval: Duration | None = None
    """How often the SFU is asked whether the participants of delegated leave are still there. Default: never;
    its webhooks tell."""
    redis_url: Secret | None = Field(default=None, examples=["redis://127.0.0.1:6379/0"])
    """Keep the jobs of delegated leave in this Redis as lk-jwt-service does, as in "redis://127.0.0.1:6379/0"."""
    insecure_skip_verify_tls: bool = False
    """Verify no certificate of a homeserver, and connect to private networks. Only for a lab."""
    people: PeopleSettings | None = None

    @field_validator("api_secret")
    @classmethod
    def _secret_fits(cls, secret: Secret, info: ValidationInfo) -> Secret:
        if not secret.get_secret_value():
            raise ValueError("is empty")
        if not info.data.get("allow_weak_secret") and (why := weakness(secret, HMAC_BYTES[ALGORITHM])):
            raise ValueError(why)
        return secret

    @field_validator("homeservers")
    @classmethod
    def _names_differ(cls, found: list[ApplicationServiceSettings]) -> list[ApplicationServiceSettings]:
        names = [entry.name for entry in found]
        if len(set(names)) < len(names) or EVERY in names:
            raise ValueError("each homeserver stands here once, by its name")
        return found

    @field_validator("redis_url")
    @classmethod
    def _is_redis(cls, url: Secret | None) -> Secret | None:
        if url is not None:
            try:
                connect(url.get_secret_value())
            except ValueError:
                text = 'not the address of a Redis: write it as "redis://127.0.0.1:6379/0"'
                raise ValueError(text) from None
        return url

    @model_validator(mode="after")
    def _for_somebody(self) -> Self:
        if self.full_access_homeservers is None and self.people is None:
            raise ValueError(
                "gives tokens to nobody: give full_access_homeservers (Matrix users), or a section people "
                "(those who sign in here)"
            )
        return self

    def lists(self, server_name: str) -> bool:
        """Tell whether a homeserver is on the full-access list."""
        return not {server_name, EVERY}.isdisjoint(self.full_access_homeservers or ())

    @property
    def named(self) -> frozenset[str]:
        """Return the homeservers that stand here by name, in whatever option: they are the operators' own."""
        names = {*(self.full_access_homeservers or ()), *self.cs_api_urls}
        return frozenset(names | {entry.name for entry in self.homeservers}) - {EVERY}
