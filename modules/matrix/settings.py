"""The options of the verification API's section, `[modules.<instance>]`."""

from pydantic import Field, ValidationInfo, field_validator

from issuer.matrix.names import ServerNameOption
from issuer.module import ModuleSettings
from issuer.settings.secrets import weakness
from issuer.settings.types import Secret

TOKEN_BYTES = 16


class VerificationSettings(ModuleSettings):
    """The verification API, for Prosody; the homeservers that it asks are in `[matrix]`."""

    rule: str = "1"
    """Who may be verified: of everybody else it is said that they are nobody."""
    allow_weak_token: bool = False
    """Take an `api_token` that is short or known; only for experiments."""
    api_token: Secret | None = None
    """The token that callers show, as in `Authorization: Bearer …`; without one, everybody may ask."""
    server_names: list[ServerNameOption] = Field(default=[], examples=[["example.com"]])
    """Homeservers whose users can be verified; by default, all. A single one need not be named by callers."""
    at_root: bool = False
    """Answer at the root of the host too, as the User Verification Service does."""
    element_well_known: bool = False
    """Answer `/.well-known/element/jitsi`, which makes Element send its OpenID token to Jitsi."""

    @field_validator("api_token")
    @classmethod
    def _is_strong(cls, token: Secret | None, info: ValidationInfo) -> Secret | None:
        if token and not info.data.get("allow_weak_token") and (why := weakness(token, TOKEN_BYTES)):
            raise ValueError(why)
        return token
