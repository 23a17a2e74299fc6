"""Rules, which say yes or no, and expressions, which give a value."""

import logging
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeGuard

from issuer.identity import Attribute
from issuer.rules.program import FailureError, Program
from issuer.rules.scope import Scope

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


@dataclass(frozen=True, slots=True)
class Expression:
    """An expression that gives a value."""

    text: str
    program: Program

    def value(self, scope: Scope) -> Value | None:
        """Return the value; None when it is absent or fails, and then the log says why."""
        known = self.program.without_library(scope)
        try:
            return self._evaluate(scope) if known is None else known
        except FailureError as failure:
            self._log(failure)
            return None

    def text_value(self, scope: Scope) -> str | None:
        """Return the value as a text: of a list its first element, None when there is none."""
        known = self.program.without_library(scope)
        if isinstance(known, str):
            return known
        try:
            return _as_text(self._evaluate(scope))
        except FailureError as failure:
            self._log(failure)
            return None

    def attribute(self, scope: Scope) -> Attribute | None:
        """Return the value as an attribute: a text or a list of texts; None when it has none, or is empty."""
        value = self.value(scope)
        if isinstance(value, list):
            plain = (item for item in value if not isinstance(item, list | dict))
            texts = [text for item in plain if (text := self._text_of(item))]
            return texts or None
        return self._text_of(value) or None

    def _text_of(self, value: Value | None) -> str | None:
        try:
            return None if value is None else _as_text(value)
        except FailureError as failure:
            self._log(failure)
            return None

    def flag(self, scope: Scope) -> bool:
        """Say whether the value is a yes."""
        return is_yes(self.value(scope))

    def _evaluate(self, scope: Scope) -> Value:
        value = self.program.run(scope)
        if value is None:
            raise FailureError("it gives null")
        if not is_plain(value):
            raise FailureError("it gives what JSON has no word for; string(...) may help")
        return value

    def _log(self, failure: FailureError) -> None:
        logger.info("%s has no value: %s", self.program.option, failure)


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
