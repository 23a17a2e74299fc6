"""Rules and expressions: who may have a token, and what is in it.

This room owns the language (CEL with a few functions of ours), its compilation at the start and its
evaluation. It leaves to others where rules stand in the configuration and what a "no" leads to. Operators
read docs/rules.md.
"""

from issuer.rules.compiler import Compiler
from issuer.rules.rule import (
    Decision,
    Expression,
    FailureError,
    Rule,
    Value,
    compile_expression,
    compile_rule,
)
from issuer.rules.scope import Scope
from issuer.rules.text import RuleError

__all__ = [
    "Compiler",
    "Decision",
    "Expression",
    "FailureError",
    "Rule",
    "RuleError",
    "Scope",
    "Value",
    "compile_expression",
    "compile_rule",
]
