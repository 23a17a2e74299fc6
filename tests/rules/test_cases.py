from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st

from issuer.commands.rule import rule
from issuer.identity import Identity
from issuer.rules.cases import CasesError, Sources, run_cases
from tests.fakes import FakeClock
from tests.rules.people import scope

OPTIONS = {"modules.jitsi.rule": 'inGroup("users")', "modules.jitsi.claims.name": "cn"}


def find_user(uid: str) -> Identity | None:
    return scope().identity if uid == "dwho" else None


SOURCES = Sources(find_user, OPTIONS.get, FakeClock(1_800_000_000.0))

PASSING = """
[[case]]
name = "inline"
rule = 'inGroup("a") && authLevel == 2 && [room, ip, more, tenant, module] == ["x", "::1", "m", "t", "n"]'
user = { uid = "u", groups = ["a"], authLevel = 2, mail = "m@example.org", memberOf = ["b", "c"] }
room = "x"
tenant = "t"
ip = "::1"
module = "n"
set = { more = "m" }
expect = true

[[case]]
name = "list"
expression = 'attributes["memberOf"]'
user = { memberOf = ["b", "c"] }
expect = ["b", "c"]

[[case]]
name = "stored"
option = "modules.jitsi.rule"
user = "dwho"
expect = true

[[case]]
name = "option that gives a value"
option = "modules.jitsi.claims.name"
user = "dwho"
expect = "The Doctor"

[[case]]
name = "nobody, at a time"
rule = 'checkDate("2030-01-01", "2030-01-01") && uid == ""'
now = 2030-01-01T12:00:00Z
expect = true

[[case]]
name = "the clock's time"
rule = 'now == timestamp("2027-01-15T08:00:00Z")'
expect = true

[[case]]
name = "absent"
expression = "cn"
absent = true
"""

FAILING = """
[[case]]
rule = "true"
expect = false
[[case]]
rule = "inGrup(1)"
expect = false
[[case]]
rule = "true"
user = "nobody"
expect = true
[[case]]
option = "modules.jitsi.rul"
expect = true
[[case]]
expression = "1"
expect = true
[[case]]
expression = "cn"
expect = "x"
[[case]]
expression = "1"
absent = true
"""


def test_cases_that_hold() -> None:
    results = run_cases(PASSING, SOURCES)
    assert [result.name for result in results if not result.passed] == []
    assert results[0].name == "inline"


def test_cases_that_do_not_hold_say_why() -> None:
    results = run_cases(FAILING, SOURCES)
    assert not any(result.passed for result in results)
    details = [result.detail for result in results]
    assert details[0] == "expected false, got true"
    assert "there is no function inGrup" in details[1]
    assert details[2] == "there is no user nobody"
    assert details[3] == "there is no rule or expression at modules.jitsi.rul"
    assert details[4] == "expected true, got 1"
    assert details[5] == 'expected "x", got (no value)'
    assert details[6] == "expected (no value), got 1"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "case"),
        ("case = [", "not TOML"),
        ("[[case]]\nrule = '1'\nexpect = true\nrom = 'x'", "case.1.rom"),
        ("[[case]]\nrule = '1'", "exactly one of expect and absent"),
        ("[[case]]\nrule = '1'\nabsent = true\nexpect = true", "exactly one of expect and absent"),
        ("[[case]]\nexpect = true", "exactly one of rule, expression and option"),
        ("[[case]]\nrule = '1'\nexpression = '1'\nexpect = true", "exactly one of rule"),
        ("[[case]]\nrule = '1'\nexpect = true\nnow = 2027-01-01T00:00:00", "case.1.now"),
        ("[[case]]\nrule = '1'\nexpect = true\nuser = { mail = 1 }", "case.1.user"),
        ("[[case]]\nrule = '1'\nexpect = true\nroom = 1", "case.1.room"),
        ("[other]", "other"),
    ],
)
def test_a_table_that_cannot_be_read_says_where(text: str, problem: str) -> None:
    with pytest.raises(CasesError, match=problem):
        run_cases(text, SOURCES)


@settings(deadline=None)
@given(st.text() | st.text("[]case=\n'\"rule1 {}expect#tru.").map(lambda t: f"[[case]]\n{t}"))
def test_any_table_is_run_or_refused(text: str) -> None:
    try:
        run_cases(text, SOURCES)
    except CasesError:
        return


def call(*arguments: str) -> Result:
    return CliRunner().invoke(rule, arguments, obj=SOURCES)


def test_the_command_explains() -> None:
    result = call('inGroup("staff") || room.startsWith(rom)', "--user", "dwho", "--room", "board-1\x1b[2J")
    assert result.exit_code == 0
    assert result.output.splitlines() == [
        "warning: EXPR: rom is no usual variable: an attribute, or a typing error? (did you mean room?)",
        "rom = (no value)",
        'room = "board-1\\u001b[2J"',
        'inGroup("staff") = false',
        "value: (no value)",
        "as a rule: no, because it failed: rom has no value",
    ]


def test_the_command_shows_how_a_function_failed() -> None:
    result = call("isInNet(cn)", "--user", "dwho", "--ip", "10.0.0.1")
    assert 'isInNet("The Doctor") fails: not a network' in result.output


def test_the_command_takes_the_whole_request() -> None:
    text = 'room + tenant + ip + module + other == "rt::1m=o" && now == timestamp("2030-01-01T00:00:00Z")'
    result = call(text, "--room=r", "--tenant=t", "--ip=::1", "--module=m", "--set", "other==o",
                  "--now=2030-01-01T01:00:00+0100")  # fmt: skip
    assert "as a rule: yes" in result.output


def test_the_command_explains_accept() -> None:
    assert "as a rule: yes" in call("accept").output


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["1", "--user", "nobody"],
        ["inGrup(1)"],
        ["1", "--set", "x"],
        ["--test", "/nothing"],
        ["1", "--now", "x"],
    ],
)
def test_the_command_refuses(arguments: list[str]) -> None:
    result = call(*arguments)
    assert result.exit_code != 0
    assert "Error: " in result.output


def test_the_command_runs_a_table(tmp_path: Path) -> None:
    table = tmp_path / "cases.toml"
    table.write_text(PASSING, encoding="utf-8")
    result = call("--test", str(table))
    assert result.exit_code == 0
    assert result.output.splitlines()[0] == "pass  inline: true"
    assert result.output.splitlines()[-1] == "7 cases, 0 failed"
    table.write_text(PASSING + FAILING, encoding="utf-8")
    result = call("--test", str(table))
    assert result.exit_code == 1
    assert "FAIL  case 8: expected false, got true" in result.output
    assert result.output.splitlines()[-1] == "14 cases, 7 failed"
