"""The options of an OpenID Provider's section, `[modules.<instance>]`."""

import json
import re
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, field_validator, model_validator

from issuer.bearer import JwkSet
from issuer.module import ModuleSettings
from issuer.settings.base import ConfigPath, Section
from issuer.settings.secrets import weakness
from issuer.settings.types import Duration, DurationOrNone, Origin, Secret
from issuer.web.bounds import LONGEST_SECRET
from modules.oidc.clients.redirects import clean_redirect_uri

SECRET_BYTES = 16
ALGORITHMS = ("RS256", "ES256", "EdDSA")
DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"
TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"  # noqa: S105 - a grant type, not a token
GRANT_TYPES = (
    "authorization_code",
    "refresh_token",
    "client_credentials",
    DEVICE_CODE,
    TOKEN_EXCHANGE,
)


def _resource(text: str) -> str:
    # RFC 8707 §2: an absolute URI without a fragment.
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9+.-]*:[!-~]+", text) or "#" in text or len(text) > 500:
        raise ValueError('not a resource: write an absolute URI, as in "https://api.example.com/"')
    return text


Algorithm = Literal["RS256", "ES256", "EdDSA"]
GrantType = Literal[
    "authorization_code",
    "refresh_token",
    "client_credentials",
    "urn:ietf:params:oauth:grant-type:device_code",
    "urn:ietf:params:oauth:grant-type:token-exchange",
]
Authentication = Literal["none", "client_secret_basic", "client_secret_post", "private_key_jwt"]
RedirectUri = Annotated[str, AfterValidator(clean_redirect_uri)]
Resource = Annotated[str, AfterValidator(_resource)]
ScopeName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.:/-]{1,100}$")]
ClientId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._~-]{1,100}$")]
ClaimName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.:/-]{1,100}$")]


class ClientSettings(Section):
    """An application that signs people in here."""

    name: str = Field(default="", max_length=100)
    """What people call the application; default: its id."""
    kind: Literal["standard", "jitsi"] = "standard"
    """`jitsi`: the access token is itself a token of a Jitsi instance, for Jitsi's own sign-in page."""
    jitsi: str = "jitsi"
    """The instance whose tokens a client of the kind `jitsi` gets."""
    secret: Secret | None = None
    """The client's secret; without one (and without `jwks_file`) the client is public and must use PKCE."""
    jwks_file: ConfigPath | None = None
    """File with the client's public keys (a JWK Set), for `private_key_jwt`."""
    authentication: Authentication | None = None
    """How the client proves who it is; default: what it has. With a secret both `client_secret_basic` and
    `client_secret_post` are taken."""
    require_pkce: bool = True
    """Whether a client with a secret must use PKCE too. `false` for old applications that cannot."""
    redirect_uris: list[RedirectUri] = Field(default=[], max_length=50)
    """Where people may be sent back to, letter by letter. Without a port on 127.0.0.1 or [::1]: any port."""
    post_logout_redirect_uris: list[RedirectUri] = Field(default=[], max_length=50)
    """Where people may be sent after they signed out."""
    backchannel_logout_uri: str | None = Field(default=None, pattern=r"^https?://[!-~]+$")
    """Where the client is told that a session has ended."""
    grant_types: list[GrantType] = Field(default=["authorization_code", "refresh_token"])
    """How the client may get tokens."""
    scopes: list[ScopeName] = Field(default=["openid", "profile", "email", "groups"])
    """What the client may ask for."""
    resources: list[Resource] = Field(default=[], max_length=50)
    """Audiences that the client may name, as URIs."""
    introspects: list[Resource] = Field(default=[], max_length=50)
    """Audiences whose tokens the client may inspect, beside its own tokens."""
    trusted: bool = False
    """Whether people are not asked for their consent."""
    rule: str | None = None
    """Who may use this application, instead of the instance's rule."""
    claims: dict[ClaimName, str] = Field(default={}, max_length=50)
    """Expressions for further claims, in the ID token and from userinfo."""
    claims_in_id_token: bool = False
    """Whether the ID token has the person's claims too, for applications that do not ask userinfo."""
    algorithm: Algorithm = "RS256"
    """How the client's ID tokens and access tokens are signed, with a key of the use `oidc`."""
    access_token_lifetime: Duration | None = None
    """Lifetime of access tokens, instead of the instance's."""
    id_token_lifetime: Duration | None = None
    """Lifetime of ID tokens, instead of the instance's."""
    refresh_token_lifetime: Duration | None = None
    """How long a refresh token may lie unused, instead of the instance's."""
    refresh_token_rotation: bool | None = None
    """Whether a refresh gives a new refresh token in the place of the old one; default: for public clients.
    With it, a stolen one is noticed when it comes again; but so is an answer that was lost, if the client
    asks again after `refresh_token_grace`. Without it, a client that proves who it is keeps one that goes on
    to count, and whoever steals it with the client's secret is not noticed."""
    refresh_token_grace: DurationOrNone = Field(default=30.0, le=300.0)
    """With rotation: how long a refresh token that was replaced still gives tokens, for answers that were
    lost and for requests side by side. A thief who uses it within that time is not noticed; 0: each counts
    once."""
    origins: list[Origin] = Field(default=[], max_length=50)
    """Origins of pages that may call the endpoints from a browser (CORS)."""

    @field_validator("secret")
    @classmethod
    def _strong(cls, secret: Secret | None) -> Secret | None:
        if secret is not None and (why := weakness(secret, SECRET_BYTES)):
            raise ValueError(why)
        if secret is not None and len(secret.get_secret_value()) > LONGEST_SECRET:
            raise ValueError(f"is too long: at most {LONGEST_SECRET} characters are taken from a client")
        return secret

    @field_validator("jwks_file")
    @classmethod
    def _key_set(cls, path: Path | None) -> Path | None:
        if path is not None:
            read_key_set(path)
        return path

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        if self.secret is not None and self.jwks_file is not None:
            raise ValueError("secret and jwks_file exclude each other: keep one")
        needs = {"none": (False, False), "private_key_jwt": (False, True)}.get(
            self.authentication or "", (True, False)
        )
        if self.authentication and needs != (self.secret is not None, self.jwks_file is not None):
            raise ValueError(f"authentication {self.authentication} does not go with what the client has")
        if self.public and {"client_credentials", TOKEN_EXCHANGE} & set(self.grant_types):
            raise ValueError("a public client cannot use client_credentials or token exchange: give a secret")
        if self.public and self.refresh_token_rotation is False:
            raise ValueError("the refresh tokens of a public client must rotate (RFC 9700 §2.2.2)")
        if "authorization_code" in self.grant_types and not self.redirect_uris:
            raise ValueError("redirect_uris is empty: authorization_code needs one")
        if self.kind == "jitsi" and "openid" not in self.scopes:
            raise ValueError("a client of the kind jitsi needs the scope openid")
        return self

    @property
    def public(self) -> bool:
        """Tell whether the client has nothing to prove who it is."""
        return self.secret is None and self.jwks_file is None


def read_key_set(path: Path) -> JwkSet:
    """Return a JWK Set from a file (RFC 7517 §5); raise ValueError when none of its keys can be used."""
    try:
        keys = JwkSet.parse(json.loads(path.read_text()))
    except (OSError, ValueError):
        raise ValueError('cannot be read as a JWK Set: {"keys": [...]}') from None
    if not len(keys):
        raise ValueError("has no key that can be used: RSA with 2048 bits, P-256, or Ed25519")
    return keys


class StandardClaims(Section):
    """Expressions for the claims of the scopes `profile`, `email` and `groups` (OIDC Core §5.1)."""

    name: str | None = "cn"
    """The whole name."""
    given_name: str | None = "givenName"
    """The given name."""
    family_name: str | None = "sn"
    """The family name."""
    preferred_username: str | None = None
    """The user name; default: the main identifier."""
    picture: str | None = None
    """The address of a picture."""
    locale: str | None = "preferredLanguage"
    """The language."""
    email: str | None = "mail"
    """The mail address."""
    email_verified: str | None = None
    """Yes when the mail address is known to be the person's."""
    groups: str | None = "groups"
    """The groups."""


class OidcSettings(ModuleSettings):
    """One OpenID Provider."""

    clients: dict[ClientId, ClientSettings] = Field(default={})
    """Applications, one section each; further ones are added by `issuer client add`."""
    claims: StandardClaims = StandardClaims()
    subject: str = ""
    """Expression for `sub`, which must never change or be given to somebody else; default: a hash of the
    person's key."""
    acr_values: dict[ScopeName, int] = Field(default={})
    """What `acr_values` names, and the auth level that it needs; default: the levels by their numbers."""
    matrix_homeservers: list[str] = Field(default=[])
    """Homeservers whose OpenID tokens clients may exchange for tokens of ours."""
    code_lifetime: Duration = Field(default=60.0, le=600.0)
    """Lifetime of authorization codes."""
    access_token_lifetime: Duration = 600.0
    """Lifetime of access tokens."""
    id_token_lifetime: Duration = 600.0
    """Lifetime of ID tokens."""
    refresh_token_lifetime: Duration = 14 * 86400.0
    """How long a refresh token may lie unused."""
    grant_lifetime: Duration = 90 * 86400.0
    """After how long people must sign in again, however often tokens were refreshed."""
    consent_lifetime: Duration = 365 * 86400.0
    """How long a consent is remembered."""
