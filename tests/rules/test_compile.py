import logging
import threading

import pytest

from issuer.rules import RuleError, compile_expression, compile_rule
from tests.rules.people import silent

BROKEN = [
    ("", (1, 1), "empty"),
    (" ", (1, 2), "empty"),
    ("room +", (1, 7), "the end"),
    ('room = "x"', (1, 6), "= "),
    ("uid ==\n  (room", (2, 8), "the end"),
    ('"😀" + (', (1, 8), "the end"),
    ('inGrup("x")', (1, 1), "there is no function inGrup (did you mean inGroup?)"),
    ('true ||\n nothing("x")', (2, 2), "there is no function nothing"),
    ('"inGrup" == inGrup("x")', (1, 13), "inGrup"),
    ("uid.lowerAscii() == uid", (1, 5), "lowerAscii"),
    ("optional.of(uid)", (1, 10), "there is no function of"),
    ('uid == ""  || .room == "x"', (1, 16), "a name cannot begin with a dot"),
    ('.inGroup("x")', (1, 2), "a name cannot begin with a dot"),
    ("uid.has(room)", (1, 5), "there is no function has"),
    ("inGroup", (1, 1), "inGroup is a function: write inGroup(...)"),
    ("inGroup()", (1, 1), "takes 1 argument"),
    ('inGroup("a", "b")', (1, 1), "takes 1 argument"),
    ('checkDate("", "", "")', (1, 1), "takes 1 to 2 argument"),
    ('isInNet("10.0.0.0/33")', (1, 1), "not a network"),
    ('true && isInNet("10.0.0.1/8")', (1, 9), "bits are set"),
    ('isInNet("10.0.0.0/8", "x")', (1, 1), "not a network"),
    ('checkLogonHours("Mon-Fri 8-18")', (1, 1), "hours are written like"),
    ('checkLogonHours("Mon-Fri")', (1, 1), "hours are written like"),
    ('checkLogonHours("")', (1, 1), "hours are written like"),
    ('checkLogonHours("08:00-18:00 Mon")', (1, 1), "hours are written like"),
    ('checkLogonHours("Mon 08:00-08:00")', (1, 1), "another time than they start"),
    ('checkLogonHours("Mon 08:00-24:01")', (1, 1), "from 00:00 to 24:00"),
    ('checkLogonHours("Mon 08:60-10:00")', (1, 1), "from 00:00 to 24:00"),
    ('checkLogonHours("Mon 24:00-10:00")', (1, 1), "from 00:00 to 24:00"),
    ('checkLogonHours("Mon 08:00-10:00", "Europe/Pariss")', (1, 1), "no such time zone"),
    ('checkLogonHours("Mon 08:00-10:00", "../etc/passwd")', (1, 1), "no such time zone"),
    ('checkLogonHours("Mon 08:00-10:00", "Europe")', (1, 1), "no such time zone"),
    ('checkLogonHours("Mon 08:00-10:00", "")', (1, 1), "no such time zone"),
    ('checkDate("2026-02-30")', (1, 1), "no such date"),
    ('checkDate("31.01.2026")', (1, 1), "a date is written like"),
    ('checkDate("2026-01-31T10:00:00")', (1, 1), "a date is written like"),
    ('checkDate("", "9999-12-31")', (1, 1), "no such date"),
    ('inDomain("@example.org")', (1, 1), "not a domain"),
    ('inDomain(".example.org")', (1, 1), "not a domain"),
    ('inDomain("")', (1, 1), "not a domain"),
    ('groupMatch("(")', (1, 1), "unclosed group"),
    ('groupMatch("a)|(?:b")', (1, 1), "not a regular expression"),
    ('groupMatch("(?x)a #")', (1, 1), "not a regular expression"),
    ('groupMatch("(a{1000}){1000}")', (1, 1), "not a regular expression"),
    ("groupMatch(r'\\d(')", (1, 1), "unclosed group"),
    ('listMatch(groups, "[")', (1, 1), "unclosed character class"),
    ('groups.listMatch("[")', (1, 8), "unclosed character class"),
    ('room.matches("[")', (1, 6), "unclosed character class"),
    ("groupMatch(room)", (1, 1), "the pattern of groupMatch must be a text in quotes"),
    ('groupMatch("a" + room)', (1, 1), "must be a text in quotes"),
    ("groupMatch((room))", (1, 1), "must be a text in quotes"),
    ("listMatch(groups, cn)", (1, 1), "must be a text in quotes"),
    ("room.matches(uid)", (1, 6), "must be a text in quotes"),
    ("matches(room, uid)", (1, 1), "must be a text in quotes"),
    ("room // comment\n . matches (\n uid)", (2, 4), "must be a text in quotes"),
    ("groups.all(g, groups.all(h, h == g))", (1, 22), "a second loop"),
    ("groups.all(g, true) &&\ngroups . exists // c\n (g, true)", (2, 10), "a second loop"),
    ("groups.map(g, g).filter(g, true)", (1, 18), "a second loop"),
    ("groups.existsOne(g, true) || groups.exists_one(g, true)", (1, 37), "a second loop"),
    ("'\udcff' == uid", (1, 2), "not valid Unicode"),
]


@pytest.mark.parametrize(("text", "place", "problem"), BROKEN)
def test_what_does_not_compile_names_the_option_and_the_place(
    text: str, place: tuple[int, int], problem: str
) -> None:
    for compile_it in (compile_rule, compile_expression):
        with pytest.raises(RuleError) as caught:
            compile_it(text, option="modules.jitsi.rule", variables=["room"], warn=silent)
        message = str(caught.value)
        assert message.startswith("modules.jitsi.rule: ")
        assert f"(line {place[0]}, column {place[1]})\n" in message
        assert problem in message


def test_the_place_is_shown() -> None:
    with pytest.raises(RuleError) as caught:
        compile_rule('uid == "é" &&\n\tinGrup("x")', option="o")
    assert str(caught.value).split("\n")[1:] == ['   inGrup("x")', "   ^"]


def test_a_long_line_is_shown_around_the_place() -> None:
    with pytest.raises(RuleError) as caught:
        compile_rule("true && " * 100 + "nothing()", option="o")
    _, excerpt, caret = str(caught.value).split("\n")
    assert excerpt[len(caret) - 1 :] == "nothing()"


FINE = [
    'groups.exists(g, g == "all(") && "a.exists(b, c)" != "" // x.map(y, z)',
    "'''x.all(y, z)\n' x.all(y, z)''' != uid && groups.all(g, true)",
    r'''"\"" + '\'' + r"\" + """ x.all(y, z) " """ == "" || groups.all(g, true)''',
    'checkLogonHours(r"Mon-Fri 08:00-18:00", """UTC""")',
    '"users" in (groups)',
    'isInNet(attributes["net"][0])',
]


@pytest.mark.parametrize("text", FINE)
def test_texts_and_comments_are_no_code(text: str) -> None:
    compile_rule(text, option="o", warn=silent)


CHAINS = [
    ("1", " + 1"),
    ("uid", ".a"),
    ("uid", "[0]"),
    ("1", "<1"),
    ("uid", ".size()"),
    ("!", "!"),
    ("- ", "- "),
    ("(", "("),
    ("[", "["),
    ("true", "&&true"),
    ("uid", "||uid"),
    ("1?1:", "1?1:"),
    ("{1:", "{1:"),
    ("size(", "size("),
]


@pytest.mark.parametrize(("start", "link"), CHAINS)
def test_a_long_chain_is_refused_before_it_overflows_the_stack(start: str, link: str) -> None:
    errors: list[Exception] = []

    def work(links: int) -> None:
        try:
            compile_rule(start + link * links + " 1", option="o", warn=silent)
        except RuleError as error:
            errors.append(error)

    previous = threading.stack_size(1024 * 1024)
    try:
        threads = [threading.Thread(target=work, args=[links]) for links in (100, 300, 490, 990, 5000)]
        for thread in threads:
            thread.start()
            thread.join()
    finally:
        threading.stack_size(previous)
    assert "longer than" in str(errors[-1])


def test_a_very_long_text_is_refused() -> None:
    with pytest.raises(RuleError, match=r"modules\.x\.rule: longer than"):
        compile_rule('"' + "x" * 10_000 + '" == uid', option="modules.x.rule")


def warnings_of(text: str, *variables: str) -> list[str]:
    found: list[str] = []
    compile_rule(text, option="modules.jitsi.rule", variables=variables, warn=found.append)
    return found


def test_an_unknown_variable_warns_with_the_nearest_name() -> None:
    (warning,) = warnings_of('rom == "x"', "room")
    assert warning.startswith("modules.jitsi.rule: rom ")
    assert "did you mean room?" in warning


def test_a_variable_of_another_place_warns() -> None:
    assert len(warnings_of('room == "x"')) == 1


@pytest.mark.parametrize(
    "text",
    [
        "uid == cn",
        "type(mail) == string",
        "groups.exists(g, g == uid)",
        'attributes["x"] == []',
        "now > now",
        "ip == ip",
    ],
)
def test_usual_names_do_not_warn(text: str) -> None:
    assert warnings_of(text) == []


def test_a_warning_is_logged_when_nobody_takes_it(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "issuer.rules"):
        compile_rule("rom == uid", option="o")
    assert "rom" in caplog.text
