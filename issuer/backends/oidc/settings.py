"""The options of an upstream OpenID Connect provider."""

from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from issuer.backend import RedirectSettings
from issuer.settings.types import BaseUrl, Duration, Secret

ClientAuth = Literal["client_secret_basic", "client_secret_post", "private_key_jwt", "none"]
LOOPBACK = {"localhost", "127.0.0.1", "::1"}
OURS = {
    "acr_values",
    "claims",
    "client_id",
    "code_challenge",
    "code_challenge_method",
    "max_age",
    "nonce",
    "redirect_uri",
    "response_mode",
    "response_type",
    "scope",
    "state",
}
"""Parameters of an authentication request that are not the operator's to set."""


def is_safe(url: str) -> bool:
    """Tell whether a provider's URL may be used: https, or http on this machine, with a host and no user."""
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname or "", parts.port
    except ValueError:
        return False
    encrypted = parts.scheme == "https" or (parts.scheme == "http" and host in LOOPBACK)
    printable = all("!" <= character <= "~" for character in url) and "\\" not in url
    return encrypted and printable and bool(host) and parts.username is None and not parts.fragment


def _issuer(value: str) -> str:
    if not is_safe(value) or urlsplit(value).query:
        raise ValueError('not an issuer: write it as "https://idp.example.com/realms/main"; https is needed')
    return value


Issuer = Annotated[str, AfterValidator(_issuer)]
"""An issuer (OIDC Core §2), compared letter by letter."""


class OidcBackendSettings(RedirectSettings):
    """A provider of OpenID Connect, where people have an account already."""

    issuer: Issuer
    """The provider's issuer, letter by letter as its discovery document has it; https."""
    page_urls: list[BaseUrl] = Field(default=[])
    """Base URLs of pages of the provider that are not on the host of `issuer`; browsers go nowhere else."""
    client_id: str = Field(min_length=1)
    """The name under which the provider knows this gateway."""
    client_secret: Secret | None = None
    """The secret that goes with it."""
    client_auth: ClientAuth = "client_secret_basic"
    """How the gateway proves to the provider who it is; `none`: by nothing but PKCE and nonce."""
    client_key: Secret | None = None
    """For `private_key_jwt`: the private key, as PEM or JWK."""
    client_key_id: str = ""
    """For `private_key_jwt`: the key's `kid` at the provider, where it wants one."""
    scopes: list[str] = Field(default=["openid", "profile", "email"])
    """What is asked for; `openid` is always."""
    parameters: dict[str, str] = Field(default={})
    """Further parameters of the request, as in `hd = "example.com"`."""
    userinfo: bool = True
    """Ask the userinfo endpoint too; `false` where the ID token has everything already."""
    uid_claim: str = Field(default="preferred_username", min_length=1)
    """The claim that is the user name; somebody without it is known by `sub`."""
    trust_email: bool = False
    """Take `email` for `mail` even when the provider does not say `email_verified`."""
    session_lifetime: Duration | None = None
    """Longest time since the sign-in at the provider: no older one is taken, and our session ends then."""
    acr_levels: dict[str, int] = Field(default={})
    """The `authLevel` of a sign-in by its `acr`; any other has `auth_level`."""
    sign_out: bool = True
    """Signing out here leads to the provider's sign-out too, where it has one."""
    refresh_tokens: bool = True
    """Keep the refresh token that the provider gives, encrypted, and read people again with it."""
    clock_skew: Duration = 60.0
    """By how much the provider's clock may differ from ours."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.client_auth.startswith("client_secret") and self.client_secret is None:
            raise ValueError(f"client_auth = {self.client_auth!r} needs client_secret")
        if self.client_auth == "private_key_jwt" and self.client_key is None:
            raise ValueError("client_auth = 'private_key_jwt' needs client_key")
        if "refresh_after" in self.model_fields_set and not self.reads_again:
            raise ValueError(
                "refresh_after is of no use without refresh_tokens, which need a secret or a key"
            )
        if taken := OURS & self.parameters.keys():
            raise ValueError(f"parameters cannot have {', '.join(sorted(taken))}: the gateway sets them")
        if any(not 1 <= level <= 100 for level in self.acr_levels.values()):
            raise ValueError("a level in acr_levels is from 1 to 100")
        return self

    def is_page(self, url: str) -> bool:
        """Tell whether browsers may be sent to a URL that the provider names."""
        return urlsplit(url)[:2] in {urlsplit(known)[:2] for known in (self.issuer, *self.page_urls)}

    @property
    def own_secret(self) -> str:
        """Return what this gateway alone knows besides the provider; empty for `client_auth = "none"`."""
        own = self.client_secret or self.client_key
        return own.get_secret_value() if own else ""

    @property
    def reads_again(self) -> bool:
        """Tell whether refresh tokens are kept: only where there is a secret to encrypt them with."""
        return self.refresh_tokens and bool(self.own_secret)

    @property
    def scope(self) -> str:
        """Return the scopes as a request has them (RFC 6749 §3.3)."""
        return " ".join(dict.fromkeys(["openid", *self.scopes]))
