"""The text of a rule: its tokens, its calls, and how to point at a place in it.

The library says which functions and variables an expression names, but not where, nor with which literal
arguments, and it replaces the list macros by what they stand for. So we read the tokens ourselves. The
lexical rules are those of the CEL language definition, "Lexis".
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from issuer.rules.library import cel
from issuer.rules.vocabulary import MACROS

MAX_CHARACTERS = 10_000
# The library recurses once per link of a chain such as `1+1+1`; some thousands overflow a thread's stack.
MAX_TOKENS = 1_000

_TOKEN = re.compile(
    r"""(?P<space>[\t\n\f\r\ ]+|//[^\r\n]*)
      | (?P<string>(?:[bB]?[rR]|[rR][bB])(?:\"{3}(?s:.*?)\"{3}|'{3}(?s:.*?)'{3}|"[^"\r\n]*"|'[^'\r\n]*')
          | [bB]?(?:\"{3}(?s:\\.|[^\\])*?\"{3}|'{3}(?s:\\.|[^\\])*?'{3}
            |"(?:\\.|[^"\\\r\n])*"|'(?:\\.|[^'\\\r\n])*'))
      | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
      | (?P<number>[0-9][A-Za-z0-9_]*)
      | (?P<other>(?s:.))""",
    re.VERBOSE,
)


class RuleError(ValueError):
    """A rule or expression that cannot be used; the message names the option and the place in the text."""


@dataclass(frozen=True, slots=True)
class Lexeme:
    """A piece of the text: its kind (`string`, `name`, `number`, `other`), and where it starts."""

    kind: str
    text: str
    start: int


@dataclass(frozen=True, slots=True)
class FunctionCall:
    """A function call as written; an argument that is not one text literal is None."""

    name: str
    start: int
    arguments: tuple[str | None, ...]
    is_loop: bool
    loop_variable: str | None


def tokens(text: str) -> Iterator[Lexeme]:
    """Give the tokens of a text, without white space and comments; never fails."""
    for match in _TOKEN.finditer(text):
        kind = match.lastgroup or "other"
        if kind != "space":
            yield Lexeme(kind, match.group(), match.start())


def calls(found: list[Lexeme]) -> list[FunctionCall]:
    """Return every call in the tokens of a text that compiles."""
    return [
        _call(found, i)
        for i, token in enumerate(found[:-1])
        if token.kind == "name" and token.text != "in" and found[i + 1].text == "("
    ]


def keys_of(found: list[Lexeme], variable: str) -> frozenset[str] | None:
    """Return the keys of a variable that a text names (`v.key`, `v["key"]`); None when it may want any."""
    keys: set[str] = set()
    for i, token in enumerate(found):
        if token.kind != "name" or token.text != variable or (i > 0 and found[i - 1].text == "."):
            continue
        after = found[i + 1 : i + 4]
        texts = [one.text for one in after]
        is_field = len(after) > 1 and texts[0] == "." and after[1].kind == "name" and texts[2:] != ["("]
        key = after[1].text if is_field else _literal(after[1:2]) if texts[::2] == ["[", "]"] else None
        if key is None:
            return None
        keys.add(key)
    return frozenset(keys)


def _call(found: list[Lexeme], at: int) -> FunctionCall:
    is_method = at > 0 and found[at - 1].text == "."
    arguments = _arguments(found[at + 1 :])
    is_loop = is_method and found[at].text in MACROS and len(arguments) > 1
    first = arguments[0][0] if arguments and arguments[0] else None
    values = [_literal(argument) for argument in arguments]
    return FunctionCall(
        name=found[at].text,
        start=found[at].start,
        arguments=tuple([None, *values] if is_method else values),
        is_loop=is_loop,
        loop_variable=first.text if is_loop and first else None,
    )


def _arguments(found: list[Lexeme]) -> list[list[Lexeme]]:
    """Split what stands between an opening parenthesis (the first token) and its end at the commas."""
    depth, arguments = 0, [list[Lexeme]()]
    for token in found:
        if token.kind == "other" and token.text in "([{":
            depth += 1
            if depth == 1:
                continue
        elif token.kind == "other" and token.text in ")]}":
            depth -= 1
            if depth == 0:
                break
        if token.text == "," and depth == 1:
            arguments.append([])
        else:
            arguments[-1].append(token)
    return [argument for argument in arguments if argument]


def _literal(argument: list[Lexeme]) -> str | None:
    if len(argument) != 1 or argument[0].kind != "string":
        return None
    value = cel.evaluate(argument[0].text)
    return value if isinstance(value, str) else None


def error(option: str, problem: str, text: str, start: int) -> RuleError:
    """Make the error for a problem at an offset of the text."""
    before = text[:start]
    return error_at(option, problem, text, (before.count("\n") + 1, start - before.rfind("\n")))


def error_at(option: str, problem: str, text: str, place: tuple[int, int]) -> RuleError:
    """Make the error for a problem at a (line, column) of the text, both counted from 1."""
    line, column = place
    lines = text.split("\n")
    shown = "".join(c if c.isprintable() else " " for c in lines[line - 1]) if line <= len(lines) else ""
    first = max(0, column - 60)
    excerpt = shown[first : first + 100]
    caret = " " * (column - 1 - first) + "^"
    return RuleError(f"{option}: {problem} (line {line}, column {column})\n  {excerpt}\n  {caret}")
