"""The options of `POST token`, `[modules.<instance>.people]`."""

import re
from typing import Annotated, Self

from pydantic import AfterValidator, Field, ValidationInfo, field_validator, model_validator

from issuer.bearer.settings import TrustedIssuerSettings
from issuer.settings.base import Section
from issuer.settings.secrets import weakness
from issuer.settings.types import Duration, Origin, Secret

LEAST_SECRET = 32
"""Bytes."""
ROOM_PATTERN = "^[A-Za-z0-9][A-Za-z0-9._:@!#=-]{0,254}$"


def _pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"is no regular expression: {error}") from None
    return text


Pattern = Annotated[str, AfterValidator(_pattern)]


class CallRoomRule(Section):
    """A rule for some rooms; the first one that matches decides instead of the use rule."""

    match: str = Field(min_length=1)
    """Rooms; `*` stands for any text, `?` for one character."""
    rule: str
    """Who may enter them."""


class GrantSettings(Section):
    """Expressions for what people may do in a room, besides joining it."""

    publish: str = "1"
    """Send sound and pictures."""
    subscribe: str = "1"
    """Receive those of others."""
    publish_data: str = "1"
    """Send messages."""
    room_admin: str = "0"
    """Mute and remove others."""
    hidden: str = "0"
    """Not to be seen by others."""
    recorder: str = "0"
    """Be shown as a recorder."""


class PeopleSettings(Section):
    """`POST token`: LiveKit tokens for people who are signed in, for pages of your own.

    Without this section there is no such address.
    """

    identity_secret: Secret
    """A random secret from which people's names on the SFU are computed. Never change it, and give all
    machines the same: a person is then the same participant everywhere, and nobody can compute who is who."""
    per_device: bool = False
    """Append a random part to the identity, for people who join from several devices at the same time."""
    audience: str | None = Field(default=None, min_length=1, max_length=255)
    """The `aud` of bearer tokens. Without it none are taken, and people need a session of the portal."""
    trusted_issuers: list[TrustedIssuerSettings] = Field(default=[])
    """Whose bearer tokens are taken besides our own, as a list of
    `[[modules.<instance>.people.trusted_issuers]]`."""
    origins: list[Origin] = Field(default=[])
    """Origins of pages that may ask with the session of the portal, as in "https://app.example.com"; of the
    same site as the portal, as browsers send the session from no other."""
    bearer_origins: list[Origin] = Field(default=[])
    """Origins of pages that may ask with a bearer token only; of any site."""
    room_pattern: Pattern = ROOM_PATTERN
    """Regular expression; a `roomId` that does not match as a whole is refused."""
    allow_matrix_rooms: bool = False
    """Take a `roomId` that is named as MatrixRTC names its rooms on the same SFU: 43 characters of base64."""
    rooms: list[CallRoomRule] = Field(default=[])
    """Rules for some rooms, as a list of `[[modules.<instance>.people.rooms]]`."""
    create_room: str = "0"
    """Expression; yes creates the room on the SFU before the answer, if it is not there."""
    name: str = "cn"
    """Expression for the name that others see. One of more than 300 bytes in the token (50 letters that are
    not ASCII) is left out."""
    roles: str = "groups"
    """Expression for the roles in the participant's metadata: a list of texts. Metadata has at most 4,096
    bytes in the token; of roles that are more, the first count."""
    grants: GrantSettings = GrantSettings()
    lifetime: Duration = 300.0
    """How long a token is good for joining."""
    minimum_lifetime: Duration = 60.0
    """Shortest lifetime."""
    maximum_lifetime: Duration = 3600.0
    """Longest lifetime."""
    allow_ttl: bool = False
    """Let a request wish for a lifetime, as `ttl` in seconds; it is clipped to the two bounds."""

    @field_validator("identity_secret")
    @classmethod
    def _secret_fits(cls, secret: Secret) -> Secret:
        if why := weakness(secret, LEAST_SECRET):
            raise ValueError(why)
        return secret

    @field_validator("trusted_issuers")
    @classmethod
    def _audience_first(
        cls, issuers: list[TrustedIssuerSettings], info: ValidationInfo
    ) -> list[TrustedIssuerSettings]:
        if issuers and "audience" in info.data and info.data["audience"] is None:
            raise ValueError("need an audience: a token for somebody else must not open our rooms")
        if len({issuer.issuer for issuer in issuers}) != len(issuers):
            raise ValueError("name an issuer twice: keep one")
        return issuers

    @model_validator(mode="after")
    def _order(self) -> Self:
        if not self.minimum_lifetime <= self.lifetime <= self.maximum_lifetime:
            raise ValueError("must hold: minimum_lifetime <= lifetime <= maximum_lifetime")
        return self

    def clipped(self, ttl: int | None) -> float:
        """Return the lifetime for a wish, in seconds."""
        wish = self.lifetime if ttl is None or not self.allow_ttl else ttl
        return min(max(wish, self.minimum_lifetime), self.maximum_lifetime)
