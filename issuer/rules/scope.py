"""What an expression sees, and which names of it are whose."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from issuer.identity import Identity
from issuer.rules.vocabulary import IDENTITY_VARIABLES, TYPES

# CEL's list macros are loops, whose cost grows with the square of the list: 75 ms for so many values.
MAX_LIST = 1_000


@dataclass(frozen=True, slots=True)
class Scope:
    """Who asks, for what, and when (`now`: seconds since 1970-01-01T00:00:00Z)."""

    identity: Identity
    request: Mapping[str, object]
    now: float


def _attributes(scope: Scope) -> dict[str, list[str]]:
    return {
        name: [value] if isinstance(value, str) else value
        for name, value in scope.identity.attributes.items()
    }


_OF_IDENTITY: dict[str, Callable[[Scope], object]] = {
    "attributes": _attributes,
    "authLevel": lambda scope: scope.identity.auth_level,
    "backend": lambda scope: scope.identity.backend,
    "groups": lambda scope: list(scope.identity.groups),
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
    macros = scope.identity.macros
    return macros[name] if name in macros else scope.identity.first(name)


def is_long(value: object) -> bool:
    """Say whether a list macro over the value, or over a list in it, would take too long."""
    if isinstance(value, Mapping):
        return len(value) > MAX_LIST or any(is_long(inner) for inner in value.values())
    return isinstance(value, list) and len(value) > MAX_LIST
