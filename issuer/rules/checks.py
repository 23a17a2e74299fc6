"""What can be judged of an expression before it runs: that it compiles; its functions, loops, arguments."""

import difflib
import logging
import re
from collections.abc import Iterable

from issuer.rules.functions import FUNCTIONS, MATCHES
from issuer.rules.library import cel
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
    STANDARD_FUNCTIONS,
)

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

_PARSE_ERROR = re.compile(r"ERROR: <input>:([0-9]+):([0-9]+): (.*)")


def silence_library() -> None:
    """Stop the library's logger, which prints the arguments of functions that fail."""
    logging.getLogger("cel").setLevel(logging.CRITICAL + 1)


def compiled(text: str, option: str) -> tuple[cel.Program, list[FunctionCall]]:
    """Return what the library makes of a text, and the calls in it; raise `RuleError` with what is wrong."""
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
            problem = f"there is no function {name}{nearest(name, known)}"
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


def nearest(name: str, known: Iterable[str]) -> str:
    """Return a hint at a name that was perhaps meant, "" when none is near."""
    near = difflib.get_close_matches(name, sorted(known), n=1)
    return f" (did you mean {near[0]}?)" if near else ""
