"""The log: whole lines of JSON on standard error, whoever writes them."""

import json
import logging
import threading

import pytest

from issuer.observability.logs import JsonLines, StandardError, TextLines


@pytest.fixture
def logger() -> logging.Logger:
    handler = StandardError()
    handler.setFormatter(JsonLines())
    found = logging.Logger("test")
    found.addHandler(handler)
    return found


def lines(capfd: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capfd.readouterr().err.splitlines()]


def test_no_line_of_many_threads_is_lost_or_mixed(
    logger: logging.Logger, capfd: pytest.CaptureFixture[str]
) -> None:
    def write(thread: int) -> None:
        for number in range(200):
            logger.info({"event": "test", "line": f"{thread}-{number}"})

    threads = [threading.Thread(target=write, args=(thread,)) for thread in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    expected = sorted(f"{thread}-{number}" for thread in range(8) for number in range(200))
    assert sorted(str(line["line"]) for line in lines(capfd)) == expected


def test_a_line_tells_when_where_and_what(logger: logging.Logger, capfd: pytest.CaptureFixture[str]) -> None:
    logger.warning("%d of %s", 3, "four")
    [line] = lines(capfd)
    assert line["message"] == "3 of four"
    assert line["level"] == "WARNING"
    assert line["logger"] == "test"
    assert str(line["time"]).endswith("+00:00")


def test_an_exception_is_in_its_line(logger: logging.Logger, capfd: pytest.CaptureFixture[str]) -> None:
    try:
        raise ValueError("two\nlines \ud800")
    except ValueError:
        logger.exception("failed")
    [line] = lines(capfd)
    assert "ValueError: two\nlines" in str(line["exc_info"])


def test_what_json_cannot_say_is_said_as_text(
    logger: logging.Logger, capfd: pytest.CaptureFixture[str]
) -> None:
    logger.info({"event": "test", "error": ValueError("odd")})
    [line] = lines(capfd)
    assert line["error"] == "odd"


@pytest.mark.parametrize("formatter", [JsonLines(), TextLines()])
def test_a_list_is_a_line_for_each_of_its_events(
    logger: logging.Logger, capfd: pytest.CaptureFixture[str], formatter: logging.Formatter
) -> None:
    logger.handlers[0].setFormatter(formatter)
    logger.info([{"event": "first", "number": 1}, {"event": "second"}])
    one, two = capfd.readouterr().err.splitlines()
    assert "first" in one
    assert "number" in one
    assert "second" not in one
    assert "second" in two
    assert "INFO" in one
    assert "INFO" in two


FORGED = "/x\n2026-01-01 00:00:00,000 WARNING issuer.audit: sign_in_failed\u2028\x1b[2K\u202e"


@pytest.mark.parametrize("formatter", [JsonLines(), TextLines()])
def test_nobody_else_begins_a_line(formatter: logging.Formatter) -> None:
    """Paths, and what a homeserver says of its users, are in lines of both formats; so are errors."""
    try:
        raise ValueError(FORGED)
    except ValueError as error:
        trace = (ValueError, error, error.__traceback__)
    for said, arguments in (
        ("%s", (FORGED,)),
        ({"event": "e", "user": FORGED}, ()),
        ([{"event": FORGED}], ()),
    ):
        record = logging.LogRecord("n\nx", logging.INFO, "", 1, said, arguments, trace)
        first, *others = formatter.format(record).split("\n")
        assert first.isprintable()
        assert all(line.startswith("    ") and line.isprintable() for line in others)
