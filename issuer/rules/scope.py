"""What an expression sees, and which names of it are whose."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from issuer.identity import GROUPS, OF_CLAIMS, OF_MACROS, Identity
from issuer.rules.vocabulary import ADDRESS, IDENTITY_VARIABLES, TYPES

# CEL's list macros are loops, whose cost grows with the square of the list: 75 ms for so many values.
MAX_LIST = 1_000


class NotToldError(Exception):
    """An expression needs what could not be told of a person; the message is its name, and no value."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Who asks, for what, and when (`now`: seconds since 1970-01-01T00:00:00Z)."""

    identity: Identity
    request: Mapping[str, object]
    now: float

    def require(self, name: str) -> None:
        """Raise an `NotToldError` when groups or an attribute could not be told."""
        if name in self.identity.unknown:
            raise NotToldError(name)

    @property
    def without_address(self) -> bool:
        """Say whether the address of the request could not be told."""
        return self.request.get(ADDRESS, "") is None

    def is_unknown(self, name: str) -> bool:
        """Say whether a variable stands for what could not be told."""
        if name == ADDRESS:
            return self.without_address
        unknown = self.identity.unknown
        if name in self.request or name in IDENTITY_VARIABLES - {GROUPS}:
            return False
        if name in self.identity.macros:
            return OF_MACROS + name in unknown
        return name in unknown

    def unknown_of(self, name: str) -> frozenset[str]:
        """Return the keys of a variable that holds many (`attributes`, `claims`) that could not be told."""
        unknown = self.identity.unknown
        if name == "attributes":
            return frozenset(key for key in unknown if not key.startswith((OF_CLAIMS, OF_MACROS)))
        if f"{name}." == OF_CLAIMS:
            return frozenset(key.removeprefix(OF_CLAIMS) for key in unknown if key.startswith(OF_CLAIMS))
        return frozenset()


def _groups(scope: Scope) -> list[str] | None:
    return None if GROUPS in scope.identity.unknown else list(scope.identity.groups)


def _attributes(scope: Scope) -> dict[str, list[str]]:
    return {
        name: [value] if isinstance(value, str) else value
        for name, value in scope.identity.attributes.items()
    }


_OF_IDENTITY: dict[str, Callable[[Scope], object]] = {
    "attributes": _attributes,
    "authLevel": lambda scope: scope.identity.auth_level,
    "backend": lambda scope: scope.identity.backend,
    "groups": _groups,
    "now": lambda scope: datetime.fromtimestamp(scope.now, UTC),
    "uid": lambda scope: scope.identity.uid,
}


def getter(name: str, reserved: frozenset[str]) -> Callable[[Scope], object] | None:
    """Return what finds the value of a variable, which is None when it has none.

    An identity's own names come first, then the request's, then the operator's macros, and only a name that
    is none of them is an attribute.
    """
    if name in IDENTITY_VARIABLES:
        return _OF_IDENTITY[name]
    if name in TYPES:
        return None
    if name in reserved:
        return lambda scope: scope.request.get(name, scope.identity.macros.get(name))
    return lambda scope: _found(scope, name)


def _found(scope: Scope, name: str) -> object:
    if name in scope.request:
        return scope.request[name]
    identity = scope.identity
    if name in identity.macros:
        return identity.macros[name]
    return None if name in identity.unknown else identity.first(name)


def is_long(value: object) -> bool:
    """Say whether a list macro over the value, or over a list in it, would take too long."""
    if isinstance(value, Mapping):
        return len(value) > MAX_LIST or any(is_long(inner) for inner in value.values())
    return isinstance(value, list) and len(value) > MAX_LIST
