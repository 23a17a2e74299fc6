"""Evaluate an expression for somebody who wants to know why it says what it says."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from issuer.rules.rule import Decision, FailureError, compile_rule, decide
from issuer.rules.scope import NotToldError, Scope

UNKNOWN = "(unknown)"


@dataclass(frozen=True, slots=True)
class Explanation:
    """What an expression saw, did and gave. It holds values of people: show it to the operator only."""

    text: str
    warnings: tuple[str, ...]
    variables: Mapping[str, object]
    unknown: frozenset[str]
    calls: tuple[str, ...]
    value: object
    decision: Decision
    failed_unknown: bool = False

    def lines(self) -> list[str]:
        """Return the explanation for a terminal."""
        return [
            *(f"warning: {warning}" for warning in self.warnings),
            *(f"{name} = {self._shown(name)}" for name in self.variables),
            *self.calls,
            f"value: {UNKNOWN if self.failed_unknown else shown(self.value)}",
            f"as a rule: {'yes' if self.decision.allowed else 'no'}, because {self.decision.reason}",
        ]

    def _shown(self, name: str) -> str:
        return UNKNOWN if name in self.unknown else shown(self.variables[name])


def explain(text: str, scope: Scope, *, option: str = "EXPR") -> Explanation:
    """Compile and evaluate a text; raise a RuleError when it does not compile."""
    warnings: list[str] = []
    calls: list[str] = []

    def trace(name: str, function: Callable[..., bool]) -> Callable[..., bool]:
        def traced(*arguments: object) -> bool:
            written = f"{name}({', '.join(shown(argument) for argument in arguments)})"
            try:
                result = function(*arguments)
            except NotToldError as failure:
                calls.append(f"{written} fails: unknown: {failure}")
                raise
            except Exception as failure:
                calls.append(f"{written} fails: {failure}")
                raise
            calls.append(f"{written} = {shown(result)}")
            return result

        return traced

    known = (*scope.request, *scope.identity.macros)
    program = compile_rule(text, option=option, variables=known, warn=warnings.append).program
    values = program.values(scope)
    value: object = None
    failed_unknown = False
    try:
        value = program.run(scope, trace)
        decision = decide(value)
    except FailureError as failure:
        decision, failed_unknown = Decision(False, f"it failed: {failure}"), failure.unknown
    variables = {name: values.get(name) for name in program.named_variables}
    return Explanation(
        text,
        tuple(warnings),
        variables,
        program.unknown(scope),
        tuple(calls),
        value,
        decision,
        failed_unknown,
    )


def shown(value: object) -> str:
    """Write a value on one line, without anything that a terminal would obey."""
    if value is None:
        return "(no value)"
    written = json.dumps(value, ensure_ascii=False, default=str)
    return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in written)
