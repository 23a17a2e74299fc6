"""The options of a Jitsi server's section, `[modules.<instance>]`."""

import re
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    Field,
    StringConstraints,
    ValidationInfo,
    field_validator,
    model_validator,
)

from issuer.module import ModuleSettings
from issuer.settings.base import Section
from issuer.settings.secrets import weakness
from issuer.settings.types import Duration, Origin, Secret
from issuer.signing import HMAC_BYTES
from modules.jitsi.redirect import Apps, clean_server_url
from modules.jitsi.rooms import DROPPED, normal_form


def _room_pattern(text: str) -> str:
    """Return a pattern in the form that rooms have; refuse one that no room can match."""
    pattern = normal_form(text)
    if never := sorted((DROPPED - {"*", "?"}) & set(pattern)):
        raise ValueError(
            f"no room's name has {' '.join(never)}; `*` stands for any text, `?` for one character"
        )
    return pattern


JAAS_APP_ID = r"vpaas-magic-cookie-[0-9a-f]{1,64}"
OTHER_USES = frozenset({"oidc"})
"""Uses of the key ring whose tokens are believed elsewhere: nobody may sign a meeting's token with these."""
JAAS_FEATURES = ("livestreaming", "recording", "transcription", "outbound-call")
"""What 8x8 sells by feature: a token says of each whether it is allowed."""


def _app_scheme(text: str) -> str:
    """Return a scheme of an app; refuse those that browsers keep for themselves."""
    if text in BROWSERS_SCHEMES:
        raise ValueError("is a scheme of browsers: name that of an app, as in com.example.meet")
    return text


BROWSERS_SCHEMES = frozenset(
    {"http", "https", "javascript", "data", "file", "blob", "vbscript", "about", "intent"}
)
# RFC 3986 §3.1, in lower case.
Scheme = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9+.-]{0,62}$"), AfterValidator(_app_scheme)]
PackageName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z]\w*(\.[A-Za-z]\w*)+$", max_length=200)]
KeyUse = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,63}$")]
Algorithm = Literal["HS256", "HS384", "HS512", "RS256", "RS384", "RS512"]
ServerUrl = Annotated[str, AfterValidator(clean_server_url)]
RoomPattern = Annotated[str, Field(min_length=1), AfterValidator(_room_pattern)]
FeatureName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_.-]{0,39}$")]


class RoomRule(Section):
    """A rule for some rooms; the first one that matches decides instead of the use rule."""

    match: RoomPattern
    """Rooms, by their name in lower case; `*` stands for any text, `?` for one character."""
    rule: str
    """Who may enter them."""


class UserClaims(Section):
    """Expressions for `context.user`; what has no value is left out of the token."""

    id: str = ""
    """The person's identifier; default: the main identifier."""
    name: str = "cn"
    """The name that others see."""
    email: str = "mail"
    """The mail address, of which Jitsi may make a Gravatar."""
    avatar: str | None = None
    """The address of a picture."""
    affiliation: str = '"owner"'
    """`owner`, `moderator` and `teacher` become owners, anything else a member; `member` when it fails."""
    moderator: str | None = None
    """Yes makes an owner, whatever the affiliation says."""
    role: str | None = None
    """`visitor` joins as a visitor."""
    lobby_bypass: str | None = None
    """Yes lets the person past the lobby."""
    security_bypass: str | None = None
    """Yes lets the person past the password."""
    lobby: str | None = None
    """Yes makes the person wait in the lobby."""
    hidden_from_recorder: str | None = None
    """Yes keeps the person out of recordings."""


class RoomClaims(Section):
    """Expressions for `context.room`."""

    lobby: str | None = None
    """Yes turns the lobby on; a no says nothing. Only the literal "false" turns it off, for everybody."""
    lobby_autostart: str | None = None
    """No keeps the lobby off where the plugin turns it on in every conference; absent means on."""
    password: str | None = None
    """The password of the conference."""


class MatrixUserClaims(Section):
    """Expressions for `context.user` of a Matrix user."""

    id: str = "user_id"
    """The person's identifier."""
    name: str = "display_name"
    """The name that others see."""
    avatar: str | None = "avatar_url"
    """The address of a picture."""
    affiliation: str = 'power_level >= state_default ? "owner" : "member"'
    """`owner`, `moderator` and `teacher` become owners, anything else a member; `member` when it fails."""
    moderator: str | None = None
    """Yes makes an owner, whatever the affiliation says."""


class MatrixExchange(Section):
    """`POST matrix`: a Matrix OpenID token becomes a token for the conference of a Matrix room."""

    enabled: bool = False
    """Answer it. The homeservers that say who is in a room are in `[matrix]`."""
    rule: str = "is_member"
    """Who gets a token, instead of the use rule. One of your own must ask for `is_member` too."""
    origins: list[Origin] = Field(default=[])
    """Origins of pages that may ask (CORS), as in "https://element.example.com"."""
    user: MatrixUserClaims = MatrixUserClaims()


class AppLinks(Section):
    """How the page for apps opens them: Jitsi's own, or an app of yours that is built from them."""

    scheme: Scheme = "org.jitsi.meet"
    """The scheme of the mobile apps; `appScheme` in Jitsi's `config.deeplinking`."""
    package: PackageName = "org.jitsi.meet"
    """The package of the Android app; `appPackage` in Jitsi's `config.deeplinking`."""
    desktop_scheme: Scheme = "jitsi-meet"
    """The scheme of the desktop app."""

    def apps(self) -> Apps:
        """Return them for links."""
        return Apps(self.scheme, self.package, self.desktop_scheme)


class JitsiSettings(ModuleSettings):
    """One Jitsi server."""

    preset: Literal["jaas"] | None = None
    """`jaas`: 8x8's Jitsi as a Service. `app_id` is the AppID; server, issuer, audience and `sub` follow."""
    server_url: ServerUrl = Field(examples=["https://meet.example.com"])
    """The address of Jitsi Meet, as in "https://meet.example.com"."""
    app_id: str = Field(min_length=1, max_length=200, examples=["jitsi"])
    """The application id; Jitsi's `JWT_APP_ID` and `JWT_ACCEPTED_AUDIENCES`."""
    algorithm: Algorithm = "HS256"
    """How tokens are signed: HS* with the shared secret, RS* with a key of the ring (use `jitsi`)."""
    allow_weak_secret: bool = False
    """Take an `app_secret` that is short or known; only for experiments."""
    key_use: KeyUse = "jitsi"
    """The use of the keys that sign, for RS*. One of its own gives the instance keys of its own."""
    app_secret: Secret | None = None
    """The secret shared with Jitsi, for HS* only; Jitsi's `JWT_APP_SECRET`."""
    issuer: str | None = Field(default=None, min_length=1, max_length=200)
    """The `iss` claim; default: the public URL, with its final slash. Jitsi's `JWT_ACCEPTED_ISSUERS`."""
    audience: str | None = Field(default=None, min_length=1, max_length=200)
    """The `aud` claim; default: the `app_id`. Jitsi's `JWT_ACCEPTED_AUDIENCES`."""
    domain: str = Field(default="*", min_length=1, max_length=253)
    """The `sub` claim when no tenant is asked for: `*`, or Prosody's XMPP domain where Jitsi verifies it."""
    expiration: Duration = Field(default=300.0, json_schema_extra={"recommended": "4h"})
    """How long a token holds. After it, whose connection drops must sign in anew: the length of a meeting is
    best, or Jitsi's own sign-in page, which renews it. The default is for old set-ups."""
    token_in: Literal["query", "fragment"] = Field(
        default="query",
        json_schema_extra={"recommended": "fragment"},
    )
    """Where the token stands in the address of the meeting: `fragment` keeps it, which is good for hours, out
    of web servers' logs. Old Jitsi reads `query` alone."""
    rooms: list[RoomRule] = Field(default=[])
    """Rules for some rooms, as a list of `[[modules.<instance>.rooms]]`."""
    wildcard_room: str | None = None
    """Expression; yes gives a token that opens every conference. Leave it out unless you need it."""
    user: UserClaims = UserClaims()
    room: RoomClaims = RoomClaims()
    group: str | None = None
    """Expression for `context.group`."""
    tenant: str | None = None
    """Expression for `context.tenant`."""
    matrix: MatrixExchange = MatrixExchange()
    apps: AppLinks = AppLinks()
    features: dict[FeatureName, str] | None = Field(default=None, max_length=30)
    """Expressions for `context.features`: once there is one, only what says yes is allowed."""

    @model_validator(mode="before")
    @classmethod
    def _as_preset(cls, data: object) -> object:
        """Put what a preset says under what the operator says."""
        if not isinstance(data, dict) or data.get("preset") != "jaas" or "app_id" not in data:
            return data
        app_id = str(data["app_id"])
        if not re.fullmatch(JAAS_APP_ID, app_id):
            raise ValueError('app_id must be the AppID of 8x8, as in "vpaas-magic-cookie-4f1b…"')
        if data.get("key_use", "jitsi") == "jitsi":
            raise ValueError('key_use is required with preset jaas: a key of its own, as in key_use = "jaas"')
        said = {"algorithm": "RS256", "issuer": "chat", "audience": "jitsi", "domain": app_id}
        return {**said, "server_url": f"https://8x8.vc/{app_id}", **data}

    @field_validator("key_use")
    @classmethod
    def _use_is_free(cls, use: str) -> str:
        if use in OTHER_USES:
            raise ValueError(f"{use} is what other tokens are signed with: choose another, as in jaas")
        return use

    @field_validator("app_secret")
    @classmethod
    def _secret_fits(cls, secret: Secret | None, info: ValidationInfo) -> Secret | None:
        algorithm = info.data.get("algorithm")
        least = HMAC_BYTES.get(algorithm) if algorithm else 0
        if least is None and secret is not None:
            raise ValueError(f"is for HS* only, and algorithm is {algorithm}: remove one")
        if least and secret is None:
            raise ValueError(f"is required with algorithm {algorithm}, at least {least} bytes (or use RS256)")
        if least and secret and not info.data.get("allow_weak_secret") and (why := weakness(secret, least)):
            raise ValueError(why)
        return secret
