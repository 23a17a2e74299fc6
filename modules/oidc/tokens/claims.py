"""What tokens and userinfo say of a person: by scope (OIDC Core §5.4), by wish (§5.5), by expression."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from issuer.identity import Identity
from issuer.rules import Scope
from modules.oidc.clients.client import Client
from modules.oidc.provider import Provider

BY_SCOPE = {
    "profile": ("name", "given_name", "family_name", "preferred_username", "picture", "locale"),
    "email": ("email", "email_verified"),
    "groups": ("groups",),
}
SCOPE_OF = {name: word for word, names in BY_SCOPE.items() for name in names}
STANDARD = tuple(SCOPE_OF)
SINGLE = "claim:"
"""Begins the words of a consent to single claims."""
LONGEST_WISH = 4096


@dataclass(frozen=True, slots=True)
class ClaimsRequest:
    """The `claims` parameter: single claims, for the ID token and for userinfo."""

    id_token: tuple[str, ...] = ()
    userinfo: tuple[str, ...] = ()
    acr: tuple[str, ...] = ()
    essential_acr: bool = False
    subject: str | None = None

    def within(self, scopes: Iterable[str]) -> "ClaimsRequest":
        """Return the wishes without claims of other scopes, which the client may not ask for."""
        allowed = frozenset(names_of(scopes))
        id_token, userinfo = (
            tuple(name for name in names if name in allowed) for names in (self.id_token, self.userinfo)
        )
        return replace(self, id_token=id_token, userinfo=userinfo)


class ClaimsRequestError(ValueError):
    """The `claims` parameter cannot be read."""


def parse_claims_request(text: str | None) -> ClaimsRequest:
    """Read the `claims` parameter (OIDC Core §5.5); what is not understood is left alone."""
    if text is None:
        return ClaimsRequest()
    if len(text) > LONGEST_WISH:
        raise ClaimsRequestError("it is too long")
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        raise ClaimsRequestError("it is not JSON") from None
    if not isinstance(found, dict):
        raise ClaimsRequestError("it is no object")
    id_token, userinfo = (_section(found, name) for name in ("id_token", "userinfo"))
    acr = id_token.get("acr") or {}
    subject = (id_token.get("sub") or {}).get("value")
    if subject is not None and not isinstance(subject, str):
        raise ClaimsRequestError("sub is no text")
    return ClaimsRequest(
        tuple(name for name in id_token if name in STANDARD),
        tuple(name for name in userinfo if name in STANDARD),
        _values(acr),
        acr.get("essential") is True,
        subject,
    )


def _section(found: dict[str, Any], name: str) -> dict[str, Any]:
    section = found.get(name) or {}
    if not isinstance(section, dict) or not all(isinstance(wish, dict | None) for wish in section.values()):
        raise ClaimsRequestError("a section is no object")
    return section


def _values(wish: dict[str, Any]) -> tuple[str, ...]:
    values = wish.get("values", [wish["value"]] if "value" in wish else [])
    return tuple(value for value in values if isinstance(value, str)) if isinstance(values, list) else ()


def names_of(scope: Iterable[str]) -> tuple[str, ...]:
    """Return the claims that scopes stand for."""
    return tuple(name for word in scope for name in BY_SCOPE.get(word, ()))


def scopes_of(words: Iterable[str]) -> tuple[str, ...]:
    """Return the words of a consent as scopes: of a single claim (`claim:email`) its own."""
    return tuple(
        dict.fromkeys(
            SCOPE_OF[word.removeprefix(SINGLE)] if word.startswith(SINGLE) else word for word in words
        )
    )


def person_claims(
    provider: Provider, client: Client, identity: Identity, names: Iterable[str], *, own: bool = True
) -> dict[str, Any]:
    """Return claims of a person by name; with `own` the client's further ones too."""
    wanted = frozenset(names)
    claims: dict[str, Any] = {}
    if not wanted and not (own and client.rules.claims):
        return claims
    scope = Scope(identity, {"client_id": client.client_id}, provider.clock.now())
    for name in STANDARD:
        if name in wanted and (value := _value(provider, name, scope)) is not None:
            claims[name] = value
    for name, expression in client.rules.claims.items() if own else ():
        if name not in RESERVED and (value := expression.value(scope)) is not None:
            claims[name] = value
    return claims


RESERVED = frozenset(
    {"iss", "sub", "aud", "exp", "iat", "nbf", "jti", "nonce", "azp", "at_hash", "c_hash", "acr", "amr"}
    | {"auth_time", "sid", "client_id", "scope", "gid", "events", "cnf"}
)
"""Claims with a meaning of the protocol, which no expression can take."""


def _value(provider: Provider, name: str, scope: Scope) -> Any:
    expression = provider.claims.get(name)
    if name == "preferred_username" and expression is None:
        return provider.gateway.main_identifier(scope.identity)
    if expression is None:
        return None
    if name == "groups":
        value = expression.value(scope)
        return [value] if isinstance(value, str) else value
    return expression.flag(scope) if name == "email_verified" else expression.text_value(scope)
