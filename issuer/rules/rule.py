"""Rules, which say yes or no, and expressions, which give a value."""

import logging
import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeGuard

from issuer.identity import Attribute, Identity
from issuer.rules.checks import compiled, nearest
from issuer.rules.functions import FUNCTIONS
from issuer.rules.library import cel
from issuer.rules.scope import MAX_LIST, Scope, getter, is_long
from issuer.rules.text import keys_of, tokens
from issuer.rules.vocabulary import (
    IDENTITY_VARIABLES,
    PLACE_VARIABLES,
    REQUEST_VARIABLES,
    TYPES,
    WELL_KNOWN_ATTRIBUTES,
)

_UNDEFINED = re.compile(r"Undefined variable or function: '([A-Za-z0-9_]+)'")
_FAILED = re.compile(r"Function '([A-Za-z0-9_]+)' error")
_UNKNOWN = re.compile(r"Function '[A-Za-z0-9_]+' error: .*?NotToldError: (\S+?)\.(?:\s|$)")

_HOLDING_MANY = frozenset({"attributes", "claims"})

Bind = Callable[[str, Callable[..., bool]], Callable[..., bool]]


class FailureError(Exception):
    """An expression failed while it ran; the message holds names from its text, and no values."""

    def __init__(self, message: str, *, absent: bool = False, unknown: bool = False) -> None:
        """Say why: somebody does not have what it asks for, or that could not be told, or something else."""
        super().__init__(message)
        self.absent = absent
        self.unknown = unknown


class Program:
    """An expression that compiled, and what it needs to run."""

    def __init__(self, text: str, option: str, variables: Iterable[str]) -> None:
        """Compile a text; raise a RuleError that names the option and the place."""
        self.text = text
        self.option = option
        self._program, self.calls = compiled(text, option)
        self._offered = frozenset(variables) | IDENTITY_VARIABLES | REQUEST_VARIABLES
        self._loops = any(call.is_loop for call in self.calls)
        self.variables: list[str] = self._program.variables()
        not_variables = TYPES | {call.loop_variable for call in self.calls}
        self.named_variables = [name for name in self.variables if name not in not_variables]
        self.functions = [name for name in self._program.functions() if name in FUNCTIONS]
        words = list(tokens(text))
        self._keys = {name: keys_of(words, name) for name in self.variables if name in _HOLDING_MANY}
        reserved = self._offered | PLACE_VARIABLES
        found = ((name, getter(name, reserved)) for name in self.variables)
        self._getters = [(name, get) for name, get in found if get is not None]
        self._bare = self._getters[0][1] if self._getters and self.variables == [text.strip()] else None
        is_literal = not self.variables and not self._program.functions()
        self._literal = self._program.execute(cel.Context({}, {})) if is_literal else None

    def unknown_variables(self) -> Iterable[str]:
        """Give a warning for each variable that is neither offered nor a usual attribute."""
        for name in self.named_variables:
            if name not in self._offered | WELL_KNOWN_ATTRIBUTES:
                near = nearest(name, self._offered | WELL_KNOWN_ATTRIBUTES)
                yield f"{self.option}: {name} is no usual variable: an attribute, or a typing error?{near}"

    def values(self, scope: Scope) -> dict[str, object]:
        """Return the variables that the text names and that have a value, which can be told."""
        found = ((name, get(scope)) for name, get in self._getters)
        values = {name: value for name, value in found if value is not None}
        if scope.identity.unknown:
            for name in self._keys:
                if self._unknown_keys(name, scope):
                    values.pop(name, None)
        return values

    def unknown(self, scope: Scope) -> frozenset[str]:
        """Return the variables that the text names and whose values could not be told."""
        if not (scope.identity.unknown or scope.without_address):
            return frozenset()
        many = {name for name in self._keys if self._unknown_keys(name, scope)}
        return frozenset(many | {name for name in self.named_variables if scope.is_unknown(name)})

    def _unknown_keys(self, name: str, scope: Scope) -> frozenset[str]:
        """Return what the text may want of a variable that holds many, and that could not be told."""
        keys, unknown = self._keys[name], scope.unknown_of(name)
        return unknown if keys is None else unknown & keys

    def run(self, scope: Scope, trace: Bind | None = None) -> object:
        """Evaluate; raise a FailureError when that fails. `trace` may wrap our functions to see calls."""
        known = self.without_library(scope)
        if known is not None:
            return known
        functions: dict[str, Callable[..., bool]] = {
            name: partial(FUNCTIONS[name].call, scope) for name in self.functions
        }
        if trace:
            functions = {name: trace(name, function) for name, function in functions.items()}
        try:
            values = self.values(scope)
            if self._loops:
                self._require_short(values)
            return self._program.execute(cel.Context(values, functions))
        except FailureError:
            raise
        except Exception as failure:  # the library raises many kinds, and everything that fails is a "no"
            raise self._failure(failure, scope) from None

    def without_library(self, scope: Scope) -> str | int | list[Any] | None:
        """Return the value of a literal or of a bare attribute, as most claims are; None of all else."""
        value = self._bare(scope) if self._bare else self._literal
        # What is not ASCII the library judges, which refuses half a surrogate pair.
        if isinstance(value, int) or (isinstance(value, str) and value.isascii()):
            return value
        if isinstance(value, list) and all(isinstance(text, str) and text.isascii() for text in value):
            return value
        return None

    @staticmethod
    def _require_short(values: dict[str, object]) -> None:
        for name, value in values.items():
            if is_long(value):
                raise FailureError(f"{name} has more than {MAX_LIST} values, too many for a loop")

    def _failure(self, failure: Exception, scope: Scope) -> FailureError:
        """Say why it failed without any value: the library's messages quote arguments and keys."""
        message = str(failure)
        if match := _UNKNOWN.match(message):
            return FailureError(f"unknown: {match[1]}", unknown=True)
        if match := _UNDEFINED.match(message) or _FAILED.match(message):
            name = match[1]
            if any(call.name == name for call in self.calls):
                return FailureError(f"{name}() failed or does not take such values")
            if name in self.unknown(scope):
                keys = self._unknown_keys(name, scope) if name in self._keys else ()
                what = ", ".join(f"{name}.{key}" for key in sorted(keys)) or name
                return FailureError(f"unknown: {what}", unknown=True)
            return FailureError(f"{name} has no value", absent=True)
        return FailureError(self._cause(failure), absent=isinstance(failure, KeyError))

    @staticmethod
    def _cause(failure: Exception) -> str:
        causes: list[tuple[type[Exception], str]] = [
            (KeyError, "a key is missing"),
            (IndexError, "a list is too short"),
            (ArithmeticError, "a number cannot be computed"),
            (TypeError, "a value is of the wrong type"),
        ]
        return next((cause for kind, cause in causes if isinstance(failure, kind)), "a value cannot be used")


logger = logging.getLogger("issuer.rules")

Value = bool | int | float | str | list[Any] | dict[str, Any]
Warn = Callable[[str], None]

# Whole rules, as LemonLDAP::NG has them; its `1` and `0` are expressions already.
_WORDS = {"accept": "true", "deny": "false"}


@dataclass(frozen=True, slots=True)
class Decision:
    """A rule's answer; the reason is for the log and the command line, and holds no values of people."""

    allowed: bool
    reason: str


def is_yes(value: object) -> bool:
    """Say whether a value is a yes: `true` or the integer 1, and nothing else."""
    return value is True or (type(value) is int and value == 1)


def decide(value: object) -> Decision:
    """Turn the value of a rule into its answer."""
    if is_yes(value):
        return Decision(True, "the rule says yes")
    if value is False or (type(value) is int and value == 0):
        return Decision(False, "the rule says no")
    return Decision(False, "the rule gives neither true nor 1")


@dataclass(frozen=True, slots=True)
class Rule:
    """An expression that says yes or no."""

    text: str
    program: Program

    def judge(self, scope: Scope) -> Decision:
        """Answer; a rule that fails says no."""
        try:
            return decide(self.program.run(scope))
        except FailureError as failure:
            return Decision(False, f"the rule failed: {failure}")

    def might(self, scope: Scope, missing: Iterable[str]) -> bool:
        """Tell whether it says yes, or could if variables that are `missing` in the scope had values."""
        try:
            return is_yes(self.program.run(scope))
        except FailureError:
            return not set(missing).isdisjoint(self.program.variables)


@dataclass(frozen=True, slots=True)
class Expression:
    """An expression that gives a value."""

    text: str
    program: Program

    def value(self, scope: Scope) -> Value | None:
        """Return the value; None when it is absent or fails, and then the log says why."""
        known = self.program.without_library(scope)
        try:
            return self.evaluate(scope) if known is None else known
        except FailureError as failure:
            self.log(failure)
            return None

    def text_value(self, scope: Scope) -> str | None:
        """Return the value as a text: of a list its first element, None when there is none."""
        known = self.program.without_library(scope)
        if isinstance(known, str):
            return known
        try:
            return _as_text(self.evaluate(scope))
        except FailureError as failure:
            self.log(failure)
            return None

    def attribute(self, scope: Scope) -> Attribute | None:
        """Return the value as an attribute: a text or a list of texts; None when it has none, or is empty."""
        value = self.value(scope)
        if isinstance(value, list):
            plain = (item for item in value if not isinstance(item, list | dict))
            texts = [text for item in plain if (text := self._text_of(item))]
            return texts or None
        return self._text_of(value) or None

    def told(self, scope: Scope) -> Attribute | None:
        """Return the value as an attribute; raise a FailureError when it cannot be told, whole."""
        value = self.evaluate(scope)
        if not isinstance(value, list):
            return _as_text(value) or None
        if any(isinstance(item, list | dict) for item in value):
            raise FailureError("it gives a list that has more than texts in it")
        return [text for item in value if item is not None and (text := _as_text(item))] or None

    def _text_of(self, value: Value | None) -> str | None:
        try:
            return None if value is None else _as_text(value)
        except FailureError as failure:
            self.log(failure)
            return None

    def flag(self, scope: Scope) -> bool:
        """Say whether the value is a yes."""
        return is_yes(self.value(scope))

    def evaluate(self, scope: Scope) -> Value:
        """Return the value; raise a FailureError when there is none."""
        value = self.program.run(scope)
        if value is None:
            raise FailureError("it gives null", absent=True)
        if not is_plain(value):
            raise FailureError("it gives what JSON has no word for; string(...) may help")
        return value

    def log(self, failure: FailureError) -> None:
        """Say why there is no value."""
        logger.info("%s has no value: %s", self.program.option, failure)


@dataclass(frozen=True, slots=True)
class NamedBy:
    """A name for people by an expression; the `uid` of those for whom it has no value."""

    expression: Expression
    now: Callable[[], float]

    def name_of(self, identity: Identity) -> str:
        """Return the name of somebody."""
        return self.expression.text_value(Scope(identity, {}, self.now())) or identity.uid


def _as_text(value: Value) -> str | None:
    if isinstance(value, list):
        return _as_text(value[0]) if value and not isinstance(value[0], list) else None
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value).removesuffix(".0")
    raise FailureError("it gives a map where a text is needed")


def is_plain(value: object) -> TypeGuard[Value]:
    """Say whether a value is one that JSON has (RFC 8259 §3; it has no NaN and no infinity)."""
    if isinstance(value, list):
        return all(item is None or is_plain(item) for item in value)
    if isinstance(value, dict):
        return all(isinstance(key, str) and (item is None or is_plain(item)) for key, item in value.items())
    return isinstance(value, bool | int | str) or (isinstance(value, float) and math.isfinite(value))


def compile_rule(text: str, *, option: str, variables: Iterable[str] = (), warn: Warn | None = None) -> Rule:
    """Compile a rule of an option; `variables` are those that its place has besides the usual ones."""
    written = _WORDS.get(text.strip(), text)
    return Rule(text, _program(written, option, variables, warn))


def compile_expression(
    text: str, *, option: str, variables: Iterable[str] = (), warn: Warn | None = None
) -> Expression:
    """Compile an expression of an option, as `compile_rule` does."""
    return Expression(text, _program(text, option, variables, warn))


def _program(text: str, option: str, variables: Iterable[str], warn: Warn | None) -> Program:
    program = Program(text, option, variables)
    for warning in program.unknown_variables():
        (warn or logger.warning)(warning)
    return program
