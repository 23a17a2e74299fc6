"""The tokens of an answer: access token (RFC 9068), ID token (OIDC Core §2), refresh token."""

import base64
import hashlib
import logging
from dataclasses import dataclass, field, replace
from typing import Any

from authlib.oauth2.rfc6749.errors import AccessDeniedError, InvalidGrantError

from issuer.errors import BadRequestError, ForbiddenError, GatewayError, StepUpRequiredError
from issuer.identity import Identity
from issuer.issuance import Issue, Phases, Token
from issuer.store import Redemption
from modules.oidc.clients.client import Client
from modules.oidc.provider import Provider
from modules.oidc.store.grants import Grant, RefreshToken
from modules.oidc.tokens.claims import names_of, person_claims
from modules.oidc.tokens.phases import ClientPhases, Wanted

HASHES = {"RS256": hashlib.sha256, "ES256": hashlib.sha256, "EdDSA": hashlib.sha512}
"""RFC 8037 §3.1: Ed25519 uses SHA-512."""

Body = dict[str, Any]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Made:
    """A new refresh token: its text, which only the client keeps, and what the table knows."""

    text: str = field(repr=False)
    token: RefreshToken


@dataclass(frozen=True, slots=True)
class Granted:
    """What an answer with tokens is made from."""

    client: Client
    grant: Grant
    refresh: Made | None
    resources: tuple[str, ...]
    nonce: str | None = None


class Tokens:
    """Makes what a token endpoint answers with."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider

    def answer(self, granted: Granted, change: Redemption, *, repeatable: bool = False) -> Body:
        """Return the body of an answer for a grant, whose rule is judged now; one commit has all of it.

        Raises:
            AccessDeniedError: the rule says no.
            issuer.store.SpentError: somebody else has used the code or the refresh token.
        """
        gateway = self._provider.gateway
        try:
            return gateway.issuance.together(
                lambda issue: self._body(granted, issue), change, gateway.address(), repeatable=repeatable
            )
        except (ForbiddenError, StepUpRequiredError) as error:
            raise refused(error) from None

    def _body(self, granted: Granted, issue: Issue) -> Body:
        grant = granted.grant
        access = self._access(granted, issue)
        body = token_body(access, grant.scope)
        if granted.refresh:
            body["refresh_token"] = granted.refresh.text
        if "openid" in grant.scope:
            body["id_token"] = self._id_token(granted, access.text, issue).text
        return body

    def renewed(self, grant: Grant) -> Grant:
        """Return a grant with its person as they are now.

        Raises:
            InvalidGrantError: the person is gone; so is the grant.
        """
        identity = self._provider.gateway.portal.refresh(grant.identity)
        if identity is None:
            self._provider.grants.revoke(grant.id)
            raise InvalidGrantError("The person is not known any more.")
        return replace(grant, identity=identity)

    def refresh_token(self, client: Client, grant: Grant) -> Made | None:
        """Make a refresh token; None when the client may have none."""
        if not client.check_grant_type("refresh_token"):
            return None
        return self.living_token(client, grant, self._provider.new_secret())

    def living_token(self, client: Client, grant: Grant, text: str) -> Made:
        """Return a refresh token, new or one that goes on to count, with its end as of now."""
        provider = self._provider
        lifetime = client.settings.refresh_token_lifetime or provider.settings.refresh_token_lifetime
        ends = min(provider.clock.now() + lifetime, grant.expires_at)
        return Made(text, RefreshToken(provider.hash_of(text), grant, ends, None))

    def _access(self, granted: Granted, issue: Issue) -> Token:
        client, grant = granted.client, granted.grant
        if client.is_jitsi:
            return issue(foreign_phases(self._provider, client, grant.details.state), grant.identity)
        claims = self.access_claims(client, grant.identity, grant.scope, granted.resources)
        claims |= {"gid": grant.id, **auth_time_of(grant)}
        if grant.details.acr:
            claims["acr"] = grant.details.acr
        return issue(self._access_phases(client, grant.identity, claims), grant.identity)

    def access_claims(
        self, client: Client, identity: Identity, scope: tuple[str, ...], resources: tuple[str, ...]
    ) -> dict[str, Any]:
        """Return the claims of an access token that are not the host's (RFC 9068 §2.2)."""
        provider = self._provider
        audiences = list(resources) or [provider.issuer]
        return {
            "iss": provider.issuer,
            "sub": provider.subject(identity),
            "aud": audiences[0] if len(audiences) == 1 else audiences,
            "client_id": client.client_id,
            "scope": " ".join(scope),
        }

    def access_token(
        self, client: Client, identity: Identity, claims: dict[str, Any], longest: float | None = None
    ) -> Token:
        """Issue a single access token, which lives for at most `longest` seconds.

        Raises:
            AccessDeniedError: the rule says no.
        """
        gateway = self._provider.gateway
        phases = self._access_phases(client, identity, claims, longest)
        try:
            return gateway.issuance.issue(phases, identity, gateway.address())
        except (ForbiddenError, StepUpRequiredError) as error:
            raise refused(error) from None

    def _access_phases(
        self, client: Client, identity: Identity, claims: dict[str, Any], longest: float | None = None
    ) -> ClientPhases:
        settings, aud = client.settings, claims["aud"]
        lifetime = settings.access_token_lifetime or self._provider.settings.access_token_lifetime
        lifetime = lifetime if longest is None else min(lifetime, longest)
        signer = self._provider.signer(settings.algorithm, "at+jwt")
        wanted = Wanted(
            claims,
            lifetime,
            signer,
            tuple(claims["scope"].split()),
            (aud,) if isinstance(aud, str) else tuple(aud),
        )
        return ClientPhases(self._provider.instance, client, identity, wanted)

    def _id_token(self, granted: Granted, access: str, issue: Issue) -> Token:
        client, grant = granted.client, granted.grant
        provider, settings, details = self._provider, client.settings, grant.details
        names = {*details.id_token_claims, *(names_of(grant.scope) if settings.claims_in_id_token else ())}
        claims = person_claims(provider, client, grant.identity, names)
        claims |= {
            "iss": provider.issuer,
            "sub": provider.subject(grant.identity),
            "aud": client.client_id,
            "azp": client.client_id,
            **auth_time_of(grant),
        }
        further = {"nonce": granted.nonce, "acr": details.acr, "sid": details.sid}
        claims |= {name: value for name, value in further.items() if value}
        claims["at_hash"] = half_hash(access, settings.algorithm)
        lifetime = settings.id_token_lifetime or provider.settings.id_token_lifetime
        wanted = Wanted(claims, lifetime, provider.signer(settings.algorithm), grant.scope)
        return issue(ClientPhases(provider.instance, client, grant.identity, wanted), grant.identity)


def foreign_phases(provider: Provider, client: Client, state: str | None) -> Phases:
    """Return the phases of the instance whose tokens are a client's access tokens.

    Raises:
        InvalidGrantError: nothing can be issued for this state.
    """
    module = provider.gateway.instances.find(client.settings.jitsi)
    if module is None:
        raise LookupError(client.settings.jitsi)
    try:
        return module.phases({"state": state or ""})
    except BadRequestError as error:
        _log.info("%s", error)
        raise InvalidGrantError("There is no token for this state.") from None


def refused(error: GatewayError) -> AccessDeniedError:
    """Return what a program reads when a rule says no; it is no fault of its request."""
    return AccessDeniedError(f"{type(error).code.replace('_', ' ').capitalize()}.", status_code=403)


def token_body(access: Token, scope: tuple[str, ...]) -> Body:
    """Return what every answer with an access token has (RFC 6749 §5.1)."""
    return {
        "access_token": access.text,
        "token_type": "Bearer",
        "expires_in": int(access.claims["exp"] - access.claims["iat"]),
        "scope": " ".join(scope),
    }


def auth_time_of(grant: Grant) -> dict[str, int]:
    """Return the claim `auth_time` (OIDC Core §2); none when nobody knows when the person signed in."""
    return {"auth_time": int(grant.auth_time)} if grant.auth_time else {}


def half_hash(text: str, algorithm: str) -> str:
    """Return the left half of a hash (OIDC Core §3.1.3.6)."""
    digest = HASHES[algorithm](text.encode("ascii")).digest()
    return base64.urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=").decode()
