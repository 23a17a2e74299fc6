import re
from collections.abc import Callable

import cel
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from issuer.identity import Attribute
from issuer.rules import RuleError, compile_expression, compile_rule, times
from issuer.rules.checks import silence_library
from issuer.rules.functions import FUNCTIONS, check_domain, check_pattern, matches, network
from issuer.rules.text import MAX_TOKENS, calls, tokens
from issuer.rules.vocabulary import IDENTITY_VARIABLES, MACROS, STANDARD_FUNCTIONS, TYPES
from tests.rules.people import judge, scope, silent

WORDS = [
    *sorted(IDENTITY_VARIABLES | STANDARD_FUNCTIONS | FUNCTIONS.keys() | TYPES | MACROS),
    *re.findall(
        r"\S+", "room mail x true false null in 1 0 1u 1.5 && || ! == != < > + - * / % ? : . , ( ) [ ] { }"
    ),
    *['"a"', "'b'", 'r"\\"', '"""c"""', "'''d'''", 'b"e"', '"', "'", "//", "\n", " ", "\\", '"\\""'],
]
SOUP = st.lists(st.sampled_from(WORDS), max_size=25).map(" ".join) | st.lists(st.sampled_from(WORDS)).map(
    "".join
)


# Other work on the machine must not fail a test.
unhurried = settings(deadline=None)

OPERATORS = ["+", "-", "*", "/", "%", "==", "!=", "<", "in", "&&", "||"]
ATOMS = [
    "room",
    "groups",
    "attributes",
    "mail",
    "now",
    "1",
    "-9223372036854775808",
    "1.5",
    "true",
    "null",
    '"1h"',
]
MORE_ATOMS = [
    "[]",
    '{"a": 1}',
    'b"x"',
    '"x.all(y, z)"',
    r"r'\'",
    "'''it's'''",
    "x // y(\n",
    '"2026-01-01T00:00:00Z"',
]


def expressions() -> st.SearchStrategy[str]:
    """Texts that mostly compile."""
    names = st.sampled_from(sorted(STANDARD_FUNCTIONS | FUNCTIONS.keys()))
    loops = st.sampled_from(sorted(MACROS))
    return st.recursive(
        st.sampled_from(ATOMS + MORE_ATOMS),
        lambda inner: st.one_of(
            st.tuples(names, inner).map(lambda t: f"{t[0]}({t[1]})"),
            st.tuples(inner, names, inner).map(lambda t: f"{t[0]}.{t[1]}({t[2]})"),
            st.tuples(inner, loops, inner).map(lambda t: f"({t[0]}).{t[1]} (x, {t[2]})"),
            st.tuples(inner, st.sampled_from(OPERATORS), inner).map(" ".join),
            st.tuples(inner, inner).map(lambda t: f"({t[0]})[{t[1]}]"),
        ),
        max_leaves=8,
    )


@unhurried
@given(st.text() | SOUP | expressions())
@example("\x00")
@example("'\udcff'")
def test_any_text_compiles_or_is_refused(text: str) -> None:
    try:
        rule = compile_rule(text, option="o", variables=["room"], warn=silent)
        expression = compile_expression(text, option="o", variables=["room"], warn=silent)
    except RuleError:
        return
    rule.judge(scope())
    expression.text_value(scope())
    expression.flag(scope())


@unhurried
@given(SOUP | expressions())
def test_our_reading_of_a_text_is_the_library_s(text: str) -> None:
    """What we find in the text (calls, loops, names) is what the library makes of it."""
    silence_library()
    found = list(tokens(text))
    if len(found) > MAX_TOKENS:
        return
    try:
        program = cel.compile(text)
    except ValueError:
        return
    made = calls(found)
    called = {call.name for call in made if not call.is_loop} - {"has"}
    functions = {name.removeprefix(".") for name in program.functions()}
    assert called == {name for name in functions if re.fullmatch(r"[A-Za-z]\w*", name)} - {"has"}
    variables = {name.removeprefix(".") for name in program.variables()}
    assert {token.text for token in found if token.kind == "name"} >= variables
    if "@not_strictly_false" in program.functions():
        assert any(call.name in ("all", "exists") for call in made if call.is_loop)


@unhurried
@given(st.text())
def test_tokens_lose_nothing_but_space_and_comments(text: str) -> None:
    end = 0
    for token in tokens(text):
        assert re.fullmatch(r"(?:\s+|//.*)*", text[end : token.start])
        assert text.startswith(token.text, token.start)
        end = token.start + len(token.text)
    assert re.fullmatch(r"(?:\s+|//.*)*", text[end:])


@pytest.mark.parametrize(
    "reader",
    [times.hours, times.zone, times.moment, network, check_domain, check_pattern, lambda t: matches(t, t)],
)
@unhurried
@given(text=st.text() | st.text("0123456789:.-/ ;,+TZMonFriSat[](){}*?\\", max_size=40))
def test_any_argument_is_read_or_refused(reader: Callable[[str], object], text: str) -> None:
    try:
        reader(text)
    except (ValueError, RuntimeError):
        return


SHADOWS = sorted(
    {"room", "tenant", "ip", "module", "true", "false", "null", "deny", "1", "in", "@result"}
    | IDENTITY_VARIABLES
    | FUNCTIONS.keys()
    | STANDARD_FUNCTIONS
    | TYPES
    | MACROS
)
VALUES = st.text() | st.sampled_from(["staff", "board-1", "192.0.2.1", "true", "1", "9", "ldap", "accept"])
VARIABLES = sorted(IDENTITY_VARIABLES | {"room", "tenant", "ip", "module"})
NAMES = st.sampled_from(VARIABLES) | st.sampled_from(SHADOWS) | st.text()
ATTRIBUTES = st.dictionaries(NAMES, VALUES | st.lists(VALUES, max_size=3), max_size=8)
DENIED = [
    'inGroup("staff")',
    'groupMatch("st.*")',
    'room == "board-1"',
    'tenant != ""',
    'isInNet("192.0.2.0/24")',
    'ip == "192.0.2.1"',
    'now < timestamp("2000-01-01T00:00:00Z")',
    'checkDate("", "2000-01-01")',
    'uid == "staff"',
    '"staff" in groups',
    'groups.exists(g, g == "staff")',
    "groups == ['staff']",
    "authLevel == 9",
    'backend == "ldap"',
    'module == "staff"',
    "type(authLevel) == string || type(uid) == int",
    "!true",
    "false",
    "deny",
    "0",
]


@pytest.mark.parametrize("text", DENIED)
@unhurried
@given(attributes=ATTRIBUTES, room=VALUES.filter(lambda room: room != "board-1"))
def test_no_attribute_turns_a_no_into_a_yes(text: str, attributes: dict[str, Attribute], room: str) -> None:
    request = {"room": room, "ip": "10.1.2.3", "module": "jitsi"}
    assert not judge(text, scope(attributes, request)).allowed
    assert not judge(text, scope(attributes, {})).allowed


@unhurried
@given(st.lists(VALUES | st.text(st.characters(exclude_categories=()))))
def test_groups_are_what_the_library_makes_of_them(groups: list[str]) -> None:
    expression = compile_expression("groups", option="test", warn=silent)
    library = compile_expression("groups.filter(group, true)", option="test", warn=silent)
    where = scope(groups=tuple(groups))
    assert expression.value(where) == library.value(where)
    assert expression.text_value(where) == library.text_value(where)


@unhurried
@given(attributes=ATTRIBUTES, room=VALUES, groups=st.lists(VALUES), ip=VALUES, expression=expressions())
def test_judging_never_raises(
    attributes: dict[str, Attribute], room: str, groups: list[str], ip: str, expression: str
) -> None:
    where = scope(attributes, {"room": room, "ip": ip}, tuple(groups))
    for text in (*DENIED, expression):
        try:
            rule = compile_rule(text, option="o", variables=["room"], warn=silent)
        except RuleError:
            continue
        rule.judge(where)
