"""Who makes bearer tokens, and whom a token of theirs names."""

import logging
from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeGuard

from issuer.bearer.elsewhere import elsewhere
from issuer.bearer.errors import TokenRefusedError
from issuer.bearer.jwks import PublicKey
from issuer.identity import GROUPS, Attribute, Identity
from issuer.store.database import storable

LONGEST_SUBJECT = 255
"""Characters (OIDC Core §2)."""


DERIVED = {"name": "cn", "email": "mail"}
"""Claims that are attributes of another name too."""
_log = logging.getLogger(__name__)


class Keys(Protocol):
    """Where verification keys are found."""

    def key(self, kid: str | None, algorithm: str) -> PublicKey | None:
        """Return the key that a token's header means, or None."""
        ...


class TokenIssuer(Protocol):
    """Whoever makes bearer tokens: a provider of the configuration, or a module of this gateway."""

    @property
    def issuer(self) -> str:
        """Return the `iss` of its tokens, to the letter."""
        ...

    @property
    def types(self) -> frozenset[str] | None:
        """Return the `typ` headers of tokens that count, in lower case; None when any does.

        An issuer that also makes ID tokens says `{"at+jwt"}` (RFC 9068 §2.1).
        """
        ...

    @property
    def keys(self) -> Keys:
        """Return where its keys are found."""
        ...

    def identity(self, claims: Mapping[str, Any]) -> Identity:
        """Return whom a token names whose signature, times and audience are good.

        For a module of this gateway that is the very identity that signed in: the same backend and subject.

        Raises:
            TokenRefusedError: it names nobody, or somebody who may no longer have it.
        """
        ...


IssuerOf = Callable[[str], TokenIssuer | None]
"""Finds who has an `iss`; None for whoever is not trusted."""


class RemoteIssuer:
    """A provider of the configuration.

    The identity's backend is the `iss`, and the uid is the `sub`: names that people choose for themselves
    there (`preferred_username`) are never taken for names of ours. Claims that are texts or lists of texts
    are the attributes; `name` is also `cn`, and a verified `email` is also `mail`: so rules fit everybody.
    """

    types = None

    def __init__(self, issuer: str, keys: Keys, groups_claim: str = "groups") -> None:
        """Keep the `iss`, where the keys are, and the claim that holds groups."""
        self.issuer = issuer
        self.keys = keys
        self._groups_claim = groups_claim

    def identity(self, claims: Mapping[str, Any]) -> Identity:
        """Return whom a token names."""
        subject = claims.get("sub")
        if not isinstance(subject, str) or not 0 < len(subject) <= LONGEST_SUBJECT or not storable(subject):
            raise TokenRefusedError("a token names nobody: it has no usable sub")
        groups, unknown = claims.get(self._groups_claim), self._unknown(claims)
        return Identity(
            backend=self.issuer,
            subject=subject,
            uid=subject,
            attributes={name: value for name, value in _attributes(claims).items() if name not in unknown},
            groups=tuple(groups) if _is_texts(groups) and GROUPS not in unknown else (),
            unknown=tuple(sorted(unknown)),
        )

    def _unknown(self, claims: Mapping[str, Any]) -> frozenset[str]:
        """Return what a token says that it does not hold, or holds in a form that cannot be read."""
        away, groups = elsewhere(claims), claims.get(self._groups_claim)
        found = (away - {GROUPS}) | {name for claim, name in DERIVED.items() if claim in away}
        if self._groups_claim not in away and (groups is None or _is_texts(groups)):
            return found
        _log.warning("%s: groups of %s unknown: not in the token, or no list", self.issuer, claims["sub"])
        return found | {GROUPS}


def _attributes(claims: Mapping[str, Any]) -> dict[str, Attribute]:
    found = {name: value for name, value in claims.items() if isinstance(value, str) or _is_texts(value)}
    if "name" in found:
        found.setdefault("cn", found["name"])
    if "email" in found and claims.get("email_verified") is True:
        found.setdefault("mail", found["email"])
    return found


def _is_texts(value: object) -> TypeGuard[list[str]]:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)
