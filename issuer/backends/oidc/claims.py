"""Whom the claims of a provider name: the identity that sessions and rules see."""

import logging
from collections.abc import Iterator, Mapping
from typing import Any, TypeGuard

from issuer.backends.oidc.errors import ProviderAnswerError
from issuer.bearer.elsewhere import elsewhere
from issuer.identity import GROUPS, OF_CLAIMS, Attribute, Identity
from issuer.store.database import storable

_log = logging.getLogger(__name__)

LONGEST = 255
"""Characters of a `sub` (OIDC Core §2), and of a user name."""
ATTRIBUTES = {
    "name": "cn",
    "given_name": "givenName",
    "family_name": "sn",
    "locale": "preferredLanguage",
}
"""Standard claims (OIDC Core §5.1), and the attributes that they become, named as in a directory."""
NAMES = {**ATTRIBUTES, "email": "mail", GROUPS: GROUPS}
"""The same, and what else becomes a part of an identity."""
OF_THE_TOKEN = frozenset(
    {"iss", "aud", "exp", "iat", "nbf", "nonce", "azp", "at_hash", "acr", "amr", "auth_time", "sid"}
)
"""What only the ID token can say."""


def merged(id_token: Mapping[str, Any], userinfo: Mapping[str, Any]) -> dict[str, Any]:
    """Return all claims; where both have one, the ID token's, which is signed.

    Only where an address comes from does it say that it is verified.

    Raises:
        ProviderAnswerError: the userinfo is somebody else's (OIDC Core §5.3.2).
    """
    if userinfo.get("sub") != id_token["sub"]:
        raise ProviderAnswerError("the userinfo is somebody else's than the ID token")
    more = {name: value for name, value in userinfo.items() if name not in OF_THE_TOKEN}
    known = dict(id_token)
    if "email" in id_token and more.get("email") != id_token["email"]:
        more.pop("email_verified", None)
    elif "email" in more and "email" not in id_token:
        known.pop("email_verified", None)  # of an address that the ID token does not say
    return {**more, **known}


def subject_of(issuer: str, sub: str) -> str:
    """Return the subject of an identity: `sub` is a person's only together with `iss` (OIDC Core §5.7)."""
    return f"{issuer} {sub}"


def identity_of(instance: str, claims: Mapping[str, Any], uid_claim: str, trust_email: bool) -> Identity:
    """Return whom claims name that were judged already.

    Raises:
        ProviderAnswerError: they name nobody.
    """
    sub, mail = _name(claims.get("sub")), _mail(claims, trust_email)
    if sub is None:
        raise ProviderAnswerError("the sub is empty, too long, or no text")
    uid = mail if uid_claim == "email" else _name(claims.get(uid_claim))
    unknown, away = set(_unreadable(claims)), elsewhere(claims)
    unknown |= {name for claim, name in NAMES.items() if claim in away}
    if GROUPS in unknown:
        why = "has it elsewhere, see docs/openid.md on overage" if GROUPS in away else "has no list of texts"
        _log.warning("backends.%s: groups of %s unknown: the provider %s", instance, uid or sub, why)
    return Identity(
        backend=instance,
        subject=subject_of(claims["iss"], sub),
        uid=uid or sub,
        attributes=_attributes(claims, mail),
        groups=() if GROUPS in unknown else _groups(claims.get(GROUPS)),
        claims=claims,
        unknown=(*sorted(unknown), *(OF_CLAIMS + name for name in sorted(away))),
    )


def _unreadable(claims: Mapping[str, Any]) -> Iterator[str]:
    """Give the names of what the claims say in a form that cannot be read: another thing than nothing."""
    for claim, name in NAMES.items():
        value = claims.get(claim)
        values = value if claim == GROUPS and isinstance(value, list) else [value]
        if not all(one is None or one == "" or _is_text(one) for one in values):
            yield name


def _attributes(claims: Mapping[str, Any], mail: str | None) -> dict[str, Attribute]:
    found: dict[str, Attribute] = {
        name: claims[claim] for claim, name in ATTRIBUTES.items() if _is_text(claims.get(claim))
    }
    return {**found, "mail": mail} if mail else found


def _mail(claims: Mapping[str, Any], trusted: bool) -> str | None:
    """Return the address when the provider says that it is verified; some say so with a text."""
    verified = claims.get("email_verified") in (True, "true")
    return _name(claims.get("email")) if trusted or verified else None


def _name(value: object) -> str | None:
    """Return a text that can name somebody."""
    if not _is_text(value) or len(value) > LONGEST or not value.isprintable() or value != value.strip():
        return None
    return value


def _is_text(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and value != "" and storable(value)


def _groups(value: object) -> tuple[str, ...]:
    values = value if isinstance(value, list) else [value]
    return tuple(dict.fromkeys(group for group in values if _is_text(group)))
