import logging

import pytest

from issuer.rules import Value, compile_expression
from tests.rules.people import scope, silent


def value(text: str) -> Value | None:
    return compile_expression(text, option="test.expression", variables=["room"], warn=silent).value(scope())


def text_value(text: str) -> str | None:
    return compile_expression(text, option="test.expression", warn=silent).text_value(scope())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cn", "The Doctor"),
        ("memberOf", "staff"),
        ('attributes["memberOf"]', ["staff", "pilots"]),
        ("groups", ["users", "timelords"]),
        ("authLevel", 1),
        ("1.5", 1.5),
        ("false", False),
        ("0", 0),
        ('""', ""),
        ("[]", []),
        ('{"a": [1, null]}', {"a": [1, None]}),
        ('"https://x/" + uid', "https://x/dwho"),
        ("string(now)", "2027-01-15T08:00:00+00:00"),
        ("missing", None),
        ("null", None),
        ("now", None),
        ('duration("1h")', None),
        ('b"x"', None),
        ("[now]", None),
        ('{"a": now}', None),
        ("{1: 2}", None),
        ("0.0 / 0.0", None),
        ("1.0 / 0.0", None),
        ("uid + 1", None),
    ],
)
def test_values(text: str, expected: object) -> None:
    found = value(text)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cn", "The Doctor"),
        ('attributes["memberOf"]', "staff"),
        ("[]", None),
        ("[null]", None),
        ("[[1]]", None),
        ('{"a": 1}', None),
        ('[{"a": 1}]', None),
        ("true", "true"),
        ("false", "false"),
        ("[true]", "true"),
        ("7", "7"),
        ("7.0", "7"),
        ("7.5", "7.5"),
        ('""', ""),
        ("missing", None),
        ("now", None),
    ],
)
def test_text_values(text: str, expected: str | None) -> None:
    assert text_value(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('inGroup("users")', True),
        ("1", True),
        ("2", False),
        ('"true"', False),
        ("missing", False),
        ("[true]", False),
    ],
)
def test_flags(text: str, expected: bool) -> None:
    assert compile_expression(text, option="o", warn=silent).flag(scope()) is expected


@pytest.mark.parametrize("method", ["value", "text_value", "flag"])
def test_a_failure_is_logged_with_the_option_and_without_values(
    caplog: pytest.LogCaptureFixture, method: str
) -> None:
    expression = compile_expression("cn + missing", option="modules.jitsi.claims.name", warn=silent)
    with caplog.at_level(logging.INFO):
        getattr(expression, method)(scope())
    (record,) = caplog.records
    assert (record.name, record.levelno) == ("issuer.rules", logging.INFO)
    assert record.getMessage() == "modules.jitsi.claims.name has no value: missing has no value"
