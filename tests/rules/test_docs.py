"""Every example of docs/rules.md holds."""

import json
import re
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from issuer.commands.rule import rule
from issuer.identity import Identity
from issuer.rules import RuleError, Scope, compile_expression, compile_rule
from issuer.rules.cases import Case, CasePerson, Sources, run_cases
from tests.fakes import FakeClock
from tests.rules.people import silent

PAGE = (Path(__file__).parents[2] / "docs" / "rules.md").read_text(encoding="utf-8")
SETTING, TABLE = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
EXAMPLES = [
    tuple(part.strip() for part in line.rsplit(" // ", 1))
    for block in re.findall(r"```cel\n(.*?)```", PAGE, re.DOTALL)
    for line in block.splitlines()
]
(OF_UNKNOWN,) = re.findall(r"```cel unknown\n(.*?)```", PAGE, re.DOTALL)


def the_scope() -> Scope:
    case = Case.model_validate({**tomllib.loads(SETTING), "rule": "1", "expect": True})
    assert isinstance(case.user, CasePerson)
    assert case.now is not None
    return Scope(case.user.identity(), case.request(), case.now.timestamp())


def test_the_page_has_examples() -> None:
    assert len(EXAMPLES) > 60


@pytest.mark.parametrize(("text", "expected"), EXAMPLES)
def test_an_example_holds(text: str, expected: str) -> None:
    offered = ["room", "tenant"]
    if expected == "does not compile":
        with pytest.raises(RuleError):
            compile_rule(text, option="docs/rules.md", variables=offered)
    elif expected in ("yes", "no"):
        judged = compile_rule(text, option="docs/rules.md", variables=offered, warn=silent).judge(the_scope())
        assert judged.allowed is (expected == "yes")
    else:
        value = compile_expression(text, option="docs/rules.md", variables=offered).value(the_scope())
        assert value == (None if expected == "absent" else json.loads(expected))


@pytest.mark.parametrize("line", OF_UNKNOWN.splitlines())
def test_an_example_of_what_is_unknown_holds(line: str) -> None:
    text, expected = (part.strip() for part in line.rsplit(" // ", 1))
    scope = the_scope()
    where = replace(scope, identity=replace(scope.identity, unknown=("groups", "department")))
    judged = compile_rule(text, option="docs/rules.md", warn=silent).judge(where)
    assert judged.allowed is (expected == "yes")


def find_user(_uid: str) -> Identity:
    return the_scope().identity


def find_option(_path: str) -> str:
    return 'inGroup("timelords") && isInNet("10.0.0.0/8")'


def test_the_table_of_cases_holds() -> None:
    results = run_cases(TABLE, Sources(find_user, find_option, FakeClock()))
    assert [result for result in results if not result.passed] == []
    assert len(results) == 4


@pytest.mark.parametrize("option", ["--user", "--unknown"])
def test_the_command_prints_what_the_page_shows(option: str) -> None:
    shown = re.search(rf"    \$ issuer rule '(.*)' ({option}.*)\n((?:    .*\n)+)", PAGE)
    assert shown
    arguments = [shown[1], *shown[2].split()]
    result = CliRunner().invoke(rule, arguments, obj=Sources(find_user, find_option, FakeClock()))
    assert result.output.splitlines() == [line[4:] for line in shown[3].splitlines()]
