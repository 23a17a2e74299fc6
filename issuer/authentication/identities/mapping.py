"""The one stage between what a login backend says of a person and what counts: attributes, groups, macros.

A backend's `attributes` and `groups` are expressions over what it gave: its attributes, its groups, and
`claims`, which is all that it was told. Then the operator's macros are computed, in their order; each sees
those before it, and all rules see them as variables.

Configuration sample:

    [macros]
    staff = 'inGroup("staff") || mail.endsWith("@example.com")'

    [backends.local.attributes]
    cn = 'givenName + " " + sn'
"""

import re
from collections.abc import Mapping
from dataclasses import replace

from issuer.backend import BackendSettings
from issuer.identity import Attribute, Identity
from issuer.module import ConfigurationError
from issuer.rules import Compiler, Expression, Scope
from issuer.rules.functions import FUNCTIONS
from issuer.rules.vocabulary import RESERVED_NAMES

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
CLAIMS = "claims"


class Macros:
    """Named expressions over a person."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        """Compile them.

        Raises:
            ExceptionGroup: of `ConfigurationError` and `RuleError`, everything that is wrong with them.
        """
        problems = [ConfigurationError(name, text) for name in texts if (text := _fault(name))]
        compiler = Compiler("macros", texts)
        self._expressions = {name: compiler.expression(name, text) for name, text in texts.items()}
        if problems:
            raise ExceptionGroup("macros that cannot be", problems)
        compiler.finish()

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names, which rules may use as variables."""
        return tuple(self._expressions)

    def apply(self, identity: Identity, now: float) -> Identity:
        """Return a person with the values of the macros; one that fails is None, and no attribute instead."""
        for name, expression in self._expressions.items():
            value = expression.value(Scope(identity, {}, now))
            identity = replace(identity, macros={**identity.macros, name: value})
        return identity


def _fault(name: str) -> str | None:
    if not NAME.fullmatch(name):
        return "is no name for a macro: use letters, digits and _"
    if name in RESERVED_NAMES or name in FUNCTIONS:
        return "is a name that rules have already: choose another"
    return None


class BackendMapping:
    """The expressions of one backend."""

    def __init__(self, instance: str, settings: BackendSettings) -> None:
        """Compile them; raise an ExceptionGroup of `RuleError`, everything that is wrong with them."""
        compiler = Compiler(f"backends.{instance}", (CLAIMS,))
        self._attributes: dict[str, Expression] = {
            name: compiler.expression(f"attributes.{name}", text)
            for name, text in settings.attributes.items()
        }
        self._groups = compiler.expression("groups", settings.groups) if settings.groups else None
        compiler.finish()

    def apply(self, identity: Identity, now: float) -> Identity:
        """Return a person as the expressions make them; an attribute whose expression fails is left out."""
        scope = Scope(identity, {CLAIMS: identity.claims}, now)
        attributes: dict[str, Attribute] = dict(identity.attributes)
        for name, expression in self._attributes.items():
            value = expression.attribute(scope)
            attributes.pop(name, None)
            if value is not None:
                attributes[name] = value
        return replace(identity, attributes=attributes, groups=self._groups_of(scope), claims={})

    def _groups_of(self, scope: Scope) -> tuple[str, ...]:
        if self._groups is None:
            return tuple(dict.fromkeys(scope.identity.groups))
        found = self._groups.attribute(scope)
        names = [found] if isinstance(found, str) else found or []
        return tuple(dict.fromkeys(name for name in names if name))
