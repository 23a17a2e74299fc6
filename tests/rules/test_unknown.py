"""What could not be told of a person: another thing than what they do not have, and never a yes."""

from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from issuer.cli import main
from issuer.identity import Identity
from issuer.rules import Decision, Scope
from issuer.rules.explain import explain
from issuer.rules.text import keys_of, tokens
from tests.rules.people import judge, scope


def unknown(*names: str, groups: tuple[str, ...] = (), **macros: object) -> Scope:
    found = scope(groups=groups)
    return replace(found, identity=replace(found.identity, unknown=names, macros=macros))


@pytest.mark.parametrize(
    "text",
    [
        'inGroup("staff")',
        '!inGroup("banned")',
        '!(inGroup("banned") || inGroup("staff"))',
        'inGroup("banned") ? false : true',
        'inGroup("banned") == false',
        'inGroup("banned") != true',
        'true && !inGroup("banned")',
        'false || !inGroup("banned")',
        '!groupMatch("ban.*")',
        '!("banned" in groups)',
        "size(groups) == 0",
        "groups == []",
        '!groups.exists(g, g == "banned")',
        'groups.all(g, g != "banned")',
        '["banned"].filter(g, g in groups).size() == 0',
        '!listMatch(groups, "banned")',
        "!has(attributes.department)",
        '!hasAttribute("department")',
        '!("department" in attributes)',
        '!attributes.exists(name, name == "department")',
        "attributes.size() > 0",
        '!(attributes["department"][0] == "7")',
        'department != "7"',
        '!inDomain("banned.example")',
        "!staff",
        "staff == false",
    ],
)
def test_what_is_unknown_never_says_yes(text: str) -> None:
    where = unknown("groups", "department", "mail", "macros.staff", groups=("staff",), staff=None)
    assert not judge(text, where).allowed
    assert not judge(f"false || ({text})", where).allowed
    assert judge(f"true || ({text})", where).allowed
    assert judge(f"({text}) || true", where).allowed
    assert judge(f"!(({text}) && false)", where).allowed
    lines = explain(text, where).lines()
    assert any("unknown" in line for line in lines)
    assert "value: (unknown)" in lines


@pytest.mark.parametrize(
    "text",
    [
        '!hasAttribute("mobile")',
        "!has(attributes.mobile)",
        'has(attributes.cn) && attributes["cn"][0] == "The Doctor"',
        'cn == "The Doctor"',
        'inDomain("badwolf.example.org")',
    ],
)
def test_what_is_known_counts_beside_what_is_unknown(text: str) -> None:
    assert judge(text, unknown("groups", "department")).allowed


def test_absent_and_unknown_are_shown_apart() -> None:
    where = unknown("department")
    assert "department = (unknown)" in explain("department", where).lines()
    assert "mobile = (no value)" in explain("mobile", where).lines()
    assert "as a rule: no, because it failed: unknown: department" in explain("department", where).lines()


def test_the_command_line_shows_what_is_unknown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Overage, failed groups expression: `!inGroup("banned")` and `inGroup("staff")` both say no, `true ||
    inGroup("staff")` says yes; `issuer rule` shows *unknown*. Directory down: 503, no token.
    """
    monkeypatch.chdir(tmp_path)
    for text, said in {
        '!inGroup("banned")': "no",
        'inGroup("staff")': "no",
        'true || inGroup("staff")': "yes",
    }.items():
        ran = CliRunner().invoke(main, ["rule", text, "--unknown", "groups"])
        assert f"as a rule: {said}" in ran.output
        assert ("unknown: groups" in ran.output) == (said == "no")
    case = """[[case]]
name = "a"
rule = '!inGroup("banned")'
user = { unknown = ["groups"] }
expect = false
"""
    (tmp_path / "cases.toml").write_text(case)
    assert CliRunner().invoke(main, ["rule", "--test", "cases.toml"]).exit_code == 0


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("attributes.a", {"a"}),
        ("has(attributes.a) ? attributes[\"b\"] : attributes ['c']", {"a", "b", "c"}),
        ('other.attributes + attributes.a.b["c"]', {"a"}),
        ("attributes", None),
        ("attributes.a + string(attributes[uid])", None),
        ('attributes["a" + uid]', None),
        ("attributes.exists(k, true)", None),
        ("attributes.size()", None),
        ('"a" in attributes', None),
        ("1 + 1", set()),
    ],
)
def test_the_keys_that_a_text_names(text: str, keys: set[str] | None) -> None:
    assert keys_of(list(tokens(text)), "attributes") == (None if keys is None else frozenset(keys))


def test_a_person_of_whom_all_is_known_has_nothing_unknown() -> None:
    assert Identity("local", "1", "dwho").unknown == ()


@pytest.mark.parametrize("given", [[], ["--ip", "unknown"], ["--ip", "10.0.0.1", "--unknown", "ip"]])
def test_an_address_that_is_not_told_is_unknown(tmp_path: Path, given: list[str]) -> None:
    """Every request has an address: one that is not there is no absent one."""
    expected = {
        "ip": ["ip = (unknown)", "value: (unknown)", "as a rule: no, because it failed: unknown: ip"],
        '!isInNet("10.0.0.0/8")': [
            'isInNet("10.0.0.0/8") fails: unknown: ip',
            "value: (unknown)",
            "as a rule: no, because it failed: unknown: ip",
        ],
        'ip != "10.0.0.1"': [
            "ip = (unknown)",
            "value: (unknown)",
            "as a rule: no, because it failed: unknown: ip",
        ],
    }
    for text, lines in expected.items():
        ran = CliRunner().invoke(main, ["rule", text, *given])
        assert (ran.exit_code, ran.output.splitlines()) == (0, lines)
    for text in ('true || isInNet("10.0.0.0/8")', 'isInNet("10.0.0.0/8") || 1 == 1'):
        assert "value: true" in CliRunner().invoke(main, ["rule", text, *given]).output
    known = CliRunner().invoke(main, ["rule", 'isInNet("10.0.0.0/8")', "--ip", "10.0.0.1"])
    assert "value: true" in known.output


def test_an_address_that_is_not_told_is_none_of_the_outside_either() -> None:
    scope = Scope(Identity("none", "", ""), {"ip": None}, 0.0)
    for text in ('isInNet("0.0.0.0/0", "::/0")', '!isInNet("0.0.0.0/0")'):
        assert judge(text, scope) == Decision(False, "the rule failed: unknown: ip")
