"""The security log: one JSON object a line, with fixed fields for each event."""

import json
import logging
import logging.config
import os
from collections.abc import Callable, Iterator
from typing import Literal

import pytest

from issuer.identity import Identity
from issuer.observability import audit, logs
from issuer.settings.models import LogSettings
from issuer.store import IssuanceRow

WHO = Identity("local", "id-1", "dwho", {"cn": "line\nbreak"})
ROW = IssuanceRow(
    token_id="t1",
    issued_at=1.0,
    expires_at=2.0,
    instance="jitsi",
    module="jitsi",
    backend="local",
    subject="id-1",
    uid="dwho",
    room="caf\u00e9 \u2028\n\ud83d\ude80",
    tenant=None,
    scene=None,
    event=None,
    identity=None,
    kid="k",
    address="192.0.2.1",
)
COMMON = {"time", "level", "logger", "event"}
EVENTS: dict[str, tuple[Callable[[], None], str, set[str]]] = {
    "signed_in": (lambda: audit.signed_in(WHO, "a"), "INFO", {"backend", "user", "address"}),
    "sign_in_failed": (lambda: audit.sign_in_failed("hash", "a"), "WARNING", {"account", "address"}),
    "sign_in_paused": (
        lambda: audit.sign_in_paused("account", "hash", "a", 9.6),
        "WARNING",
        {"limit", "account", "address", "wait"},
    ),
    "signed_out": (lambda: audit.signed_out(WHO, "a"), "INFO", {"backend", "user", "address"}),
    "session_ended": (lambda: audit.session_ended(WHO, "operator"), "INFO", {"backend", "user", "by"}),
    "account_refused": (
        lambda: audit.account_refused("ldap", "hash", "dwho", "locked"),
        "WARNING",
        {"backend", "account", "user", "reason"},
    ),
    "second_factor_failed": (
        lambda: audit.second_factor_failed(WHO, "a"),
        "WARNING",
        {"backend", "user", "address"},
    ),
    "second_factor_set_up": (
        lambda: audit.second_factor_set_up(WHO, "a"),
        "INFO",
        {"backend", "user", "address"},
    ),
    "second_factor_removed": (
        lambda: audit.second_factor_removed("local", "dwho", "person"),
        "WARNING",
        {"backend", "user", "by"},
    ),
    "recovery_code_used": (
        lambda: audit.recovery_code_used(WHO, "a", 9),
        "WARNING",
        {"backend", "user", "address", "left"},
    ),
    "recovery_codes_renewed": (
        lambda: audit.recovery_codes_renewed(WHO, "a"),
        "INFO",
        {"backend", "user", "address"},
    ),
    "header_refused": (
        lambda: audit.header_refused("proxy", "a", "why"),
        "WARNING",
        {"backend", "address", "reason"},
    ),
    "bearer_token_refused": (
        lambda: audit.bearer_token_refused("livekit", "a", "why"),
        "WARNING",
        {"instance", "address", "reason"},
    ),
    "identity_refused": (
        lambda: audit.identity_refused("ldap", "id-1", "why"),
        "WARNING",
        {"backend", "subject", "reason"},
    ),
    "step_up_required": (
        lambda: audit.step_up_required("jitsi", WHO, 3),
        "INFO",
        {"instance", "backend", "user", "auth_level"},
    ),
    "token_issued": (
        lambda: audit.token_issued(ROW),
        "INFO",
        {"token_id", "issued_at", "expires_at", "instance", "module", "backend", "subject", "user"}
        | {"room", "kid", "address"},
    ),
    "signed_out_upstream": (
        lambda: audit.signed_out_upstream("example", 2),
        "INFO",
        {"backend", "sessions"},
    ),
    "token_refused": (
        lambda: audit.token_refused("jitsi", WHO, "the rule says no", "r", "t"),
        "WARNING",
        {"instance", "backend", "user", "room", "tenant", "reason"},
    ),
    "user_verified": (
        lambda: audit.user_verified("matrix", "@a:b", "!r:b", is_member=False, power_level=0),
        "INFO",
        {"instance", "user", "room", "is_member", "power_level"},
    ),
    "user_not_verified": (
        lambda: audit.user_not_verified("matrix", "b refused an OpenID token", "@a:b"),
        "WARNING",
        {"instance", "user", "reason"},
    ),
}


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    """Undo the configuration of the whole process."""
    root, cel = logging.getLogger(), logging.getLogger("cel")
    before = root.level, list(root.handlers), cel.level
    yield
    root.setLevel(before[0])
    root.handlers[:] = before[1]
    cel.setLevel(before[2])


@pytest.fixture
def lines(capfd: pytest.CaptureFixture[str]) -> "Lines":
    return Lines(capfd)


class Lines:
    """What is on standard error since it was last looked at."""

    def __init__(self, capture: pytest.CaptureFixture[str]) -> None:
        self._capture = capture

    def __call__(self) -> list[str]:
        return self._capture.readouterr().err.splitlines()


@pytest.mark.parametrize("event", EVENTS)
def test_an_event_is_one_line_of_json_with_its_fields(lines: Lines, event: str) -> None:
    log, level, fields = EVENTS[event]
    logs.configure(LogSettings())
    log()
    (line,) = lines()
    found = json.loads(line)
    assert set(found) == COMMON | fields
    assert (found["event"], found["level"], found["logger"]) == (event, level, "issuer.audit")


def test_every_event_is_tried() -> None:
    functions = {name for name, thing in vars(audit).items() if callable(thing) and name.islower()}
    assert {name for name in functions if not name.startswith("_")} == set(EVENTS)


@pytest.mark.parametrize("event", EVENTS)
def test_text_is_one_line_too(lines: Lines, event: str) -> None:
    logs.configure(LogSettings(format="text"))
    EVENTS[event][0]()
    (line,) = lines()
    assert f"issuer.audit: {event} " in line


def test_other_messages_are_json_too(lines: Lines) -> None:
    logs.configure(LogSettings())
    log = logging.getLogger("anything")
    log.info("line\nbreak %s \ud800 \x00", object)
    log.debug("not this")
    try:
        raise RuntimeError("no wood setting")
    except RuntimeError:
        log.exception("it broke")
    first, second = map(json.loads, lines())
    assert first["message"].startswith("line\nbreak <class 'object'>")
    assert "no wood setting" in second["exc_info"]
    assert {"time", "level", "logger", "message"} <= set(first)


def test_the_level_is_kept(lines: Lines) -> None:
    logs.configure(LogSettings(level="warning"))
    audit.signed_in(WHO, "a")
    audit.sign_in_failed("hash", "a")
    assert len(lines()) == 1


@pytest.mark.parametrize("form", ["json", "text"])
def test_cel_prints_no_arguments(lines: Lines, form: Literal["json", "text"]) -> None:
    logs.configure(LogSettings(level="debug", format=form))
    for name in ("cel", "cel.evaluation"):
        logging.getLogger(name).error("inGroup('secret')")
    assert lines() == []


def test_a_closed_standard_error_stops_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> int:
        raise OSError("closed")

    logs.configure(LogSettings())
    monkeypatch.setattr(os, "write", fail)
    monkeypatch.setattr(logging, "raiseExceptions", False)
    audit.signed_in(WHO, "a")
