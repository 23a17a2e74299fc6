"""A compiled expression: everything that can be judged before it runs is judged here, once."""

import difflib
import logging
import re
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from issuer.rules.functions import FUNCTIONS, MATCHES
from issuer.rules.library import cel
from issuer.rules.scope import MAX_LIST, Scope, getter, is_long
from issuer.rules.text import (
    MAX_CHARACTERS,
    MAX_TOKENS,
    FunctionCall,
    Lexeme,
    RuleError,
    calls,
    error,
    error_at,
    tokens,
)
from issuer.rules.vocabulary import (
    IDENTITY_VARIABLES,
    PLACE_VARIABLES,
    REQUEST_VARIABLES,
    STANDARD_FUNCTIONS,
    TYPES,
    WELL_KNOWN_ATTRIBUTES,
)

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PARSE_ERROR = re.compile(r"ERROR: <input>:([0-9]+):([0-9]+): (.*)")
_UNDEFINED = re.compile(r"Undefined variable or function: '([A-Za-z0-9_]+)'")
_FAILED = re.compile(r"Function '([A-Za-z0-9_]+)' error")

Bind = Callable[[str, Callable[..., bool]], Callable[..., bool]]


class FailureError(Exception):
    """An expression failed while it ran; the message holds names from its text, and no values."""


class Program:
    """An expression that compiled, and what it needs to run."""

    def __init__(self, text: str, option: str, variables: Iterable[str]) -> None:
        """Compile a text; raise a RuleError that names the option and the place."""
        self.text = text
        self.option = option
        self._program, self.calls = _compile(text, option)
        self._offered = frozenset(variables) | IDENTITY_VARIABLES | REQUEST_VARIABLES
        self._loops = any(call.is_loop for call in self.calls)
        self.variables: list[str] = self._program.variables()
        not_variables = TYPES | {call.loop_variable for call in self.calls}
        self.named_variables = [name for name in self.variables if name not in not_variables]
        self.functions = [name for name in self._program.functions() if name in FUNCTIONS]
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
                near = _nearest(name, self._offered | WELL_KNOWN_ATTRIBUTES)
                yield f"{self.option}: {name} is no usual variable: an attribute, or a typing error?{near}"

    def values(self, scope: Scope) -> dict[str, object]:
        """Return the variables that the text names and that have a value."""
        found = ((name, get(scope)) for name, get in self._getters)
        return {name: value for name, value in found if value is not None}

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
            raise FailureError(self._cause(failure)) from None

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

    def _cause(self, failure: Exception) -> str:
        """Say why it failed without any value: the library's messages quote arguments and keys."""
        message = str(failure)
        if match := _UNDEFINED.match(message) or _FAILED.match(message):
            name = match[1]
            is_call = any(call.name == name for call in self.calls)
            return f"{name}() failed or does not take such values" if is_call else f"{name} has no value"
        causes: list[tuple[type[Exception], str]] = [
            (KeyError, "a key is missing"),
            (IndexError, "a list is too short"),
            (ArithmeticError, "a number cannot be computed"),
            (TypeError, "a value is of the wrong type"),
        ]
        return next((cause for kind, cause in causes if isinstance(failure, kind)), "a value cannot be used")


def silence_library() -> None:
    """Stop the library's logger, which prints the arguments of functions that fail."""
    logging.getLogger("cel").setLevel(logging.CRITICAL + 1)


def _compile(text: str, option: str) -> tuple[cel.Program, list[FunctionCall]]:
    silence_library()
    found = list(tokens(text[: MAX_CHARACTERS + 1]))
    if len(text) > MAX_CHARACTERS or len(found) > MAX_TOKENS:
        problem = f"longer than {MAX_CHARACTERS} characters or {MAX_TOKENS} words and signs"
        raise RuleError(f"{option}: {problem}")
    try:
        program = cel.compile(text)
    except UnicodeEncodeError as failure:
        raise error(option, "not valid Unicode", text, failure.start) from None
    except ValueError as failure:
        raise _parse_error(option, text, str(failure)) from None
    made = calls(found)
    _check_functions(program, found, text, option)
    _check_loops(made, text, option)
    for call in made:
        _check_arguments(call, text, option)
    return program, made


def _parse_error(option: str, text: str, message: str) -> RuleError:
    places = _PARSE_ERROR.findall(message) or [("1", "1", "cannot be read")]
    syntax = [place for place in places if not place[2].startswith("Incomplete")]
    line, column, problem = (syntax or places)[0]
    if not text.strip():
        problem = "empty"
    problem = problem.split(" expecting ")[0].replace("'<EOF>'", "the end")
    return error_at(option, f"does not compile: {problem}", text, (int(line), int(column)))


def _check_functions(program: cel.Program, found: list[Lexeme], text: str, option: str) -> None:
    known = STANDARD_FUNCTIONS | FUNCTIONS.keys()
    starts = {token.text: token.start for token in reversed(found)}
    for name in program.functions() + program.variables():
        if name.startswith("."):
            raise error(option, f"a name cannot begin with a dot: {name}", text, starts[name[1:]])
    for name in program.functions():
        if _NAME.fullmatch(name) and name not in known:
            problem = f"there is no function {name}{_nearest(name, known)}"
            raise error(option, problem, text, starts[name])
    for name in program.variables():
        if name in FUNCTIONS:
            raise error(option, f"{name} is a function: write {name}(...)", text, starts[name])


def _check_loops(made: list[FunctionCall], text: str, option: str) -> None:
    loops = [call for call in made if call.is_loop]
    if len(loops) > 1:
        raise error(option, f"{loops[1].name} is a second loop, and one is the most", text, loops[1].start)


def _check_arguments(call: FunctionCall, text: str, option: str) -> None:
    function = MATCHES if call.name == "matches" else FUNCTIONS.get(call.name)
    if function is None:
        return
    if not function.least <= len(call.arguments) <= function.most:
        expected = " to ".join(str(n) for n in sorted({function.least, function.most}))
        problem = f"{call.name} takes {expected} argument(s), not {len(call.arguments)}"
        raise error(option, problem, text, call.start)
    for position, argument in enumerate(call.arguments):
        check = function.check(position)
        # Who writes a pattern chooses who matches: the operator, never an attribute or a room.
        if argument is None and position in function.patterns:
            problem = f"the pattern of {call.name} must be a text in quotes"
            raise error(option, problem, text, call.start)
        if argument is None or check is None:
            continue
        try:
            check(argument)
        except ValueError as failure:
            raise error(option, f"{call.name}: {failure}", text, call.start) from None


def _nearest(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, sorted(known), n=1)
    return f" (did you mean {near[0]}?)" if near else ""
