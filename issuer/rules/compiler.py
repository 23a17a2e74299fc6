"""Compiles all rules and expressions of one instance, so that everything wrong with them comes at once."""

from collections.abc import Iterable

from issuer.rules.rule import Expression, Rule, compile_expression, compile_rule
from issuer.rules.text import RuleError


class Compiler:
    """Compiles texts of one section; `finish` raises what was wrong with any of them."""

    def __init__(self, section: str, variables: Iterable[str]) -> None:
        """Keep the path of the section, as in `modules.jitsi`, and the request variables of its place."""
        self._section = section
        self._variables = tuple(variables)
        self._errors: list[RuleError] = []

    def rule(self, option: str, text: str) -> Rule:
        """Compile a rule; one that does not compile stands in as a no until `finish`."""
        path = f"{self._section}.{option}"
        try:
            return compile_rule(text, option=path, variables=self._variables)
        except RuleError as error:
            self._errors.append(error)
            return compile_rule("deny", option=path)

    def expression(self, option: str, text: str) -> Expression:
        """Compile an expression; one that does not compile stands in as `false` until `finish`."""
        path = f"{self._section}.{option}"
        try:
            return compile_expression(text, option=path, variables=self._variables)
        except RuleError as error:
            self._errors.append(error)
            return compile_expression("false", option=path)

    def finish(self) -> None:
        """Raise an ExceptionGroup of every RuleError, when there was one."""
        if self._errors:
            raise ExceptionGroup("rules that do not compile", self._errors)
