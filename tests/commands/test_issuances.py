"""`issuer issuances`."""

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from issuer.store import IssuanceRow
from tests.commands.shell import Commands
from tests.store.samples import NOW, issuance


@pytest.fixture
def commands(tmp_path: Path) -> Iterator[Commands]:
    found = Commands(tmp_path)
    rows: list[dict[str, Any]] = [
        {"room": "board-1", "tenant": "tardis", "address": "192.0.2.7"},
        {"room": "=1+1", "uid": "rtyler", "scene": "-s", "event": "e,\"'"},
        {
            "room": "a\x1b[31m\nb",
            "instance": "second",
            "module": "livekit",
            "identity": "user-1",
            "backend": "ldap",
            "subject": "entry-1",
        },
    ]
    for number, row in enumerate(rows):
        times = {"issued_at": NOW + number * 3600, "expires_at": NOW + number * 3600 + 300}
        found.shell.parts.store.issuances.record(issuance(f"id-{number}", **times, **row))
    found.clock.time = NOW + 3 * 3600
    yield found
    found.close()


def ids(text: str) -> list[str]:
    return [line.rsplit(" ", 1)[1] for line in text.splitlines()]


def test_a_list_has_the_newest_first_and_nothing_that_moves_a_terminal(commands: Commands) -> None:
    told = commands.good("issuances", "list")
    assert ids(told) == ["id-2", "id-1", "id-0"]
    assert told.splitlines()[2].startswith("2027-01-15 08:00:00  jitsi        dwho                 board-1 ")
    assert "a\N{REPLACEMENT CHARACTER}[31m\N{REPLACEMENT CHARACTER}b" in told
    assert "2 newest" in commands.good("issuances", "list", "--limit", "2")


@pytest.mark.parametrize(
    ("options", "found"),
    [
        (["--user", "rtyler"], ["id-1"]),
        (["--instance", "second"], ["id-2"]),
        (["--module", "livekit"], ["id-2"]),
        (["--room", "board-1", "--address", "192.0.2.7"], ["id-0"]),
        (["--scene", "-s", "--event", "e,\"'"], ["id-1"]),
        (["--identity", "user-1"], ["id-2"]),
        (["--tenant", "tardis"], ["id-0"]),
        (["--backend", "ldap"], ["id-2"]),
        (["--subject", "entry-1"], ["id-2"]),
        (["--backend", "local", "--subject", "entry-1"], []),
        (["--user", "nobody"], []),
        (["--since", "2027-01-15T09:00:00Z"], ["id-2", "id-1"]),
        (["--since", "2027-01-15T10:00:00+01:00", "--until", "2027-01-15T10:00"], ["id-1"]),
        (["--until", "2027-01-15"], []),
        (["--since", "2h"], ["id-2", "id-1"]),
        (["--until", "3h"], []),
    ],
)
def test_filters(commands: Commands, options: list[str], found: list[str]) -> None:
    assert ids(commands.good("issuances", "list", *options)) == found
    lines = commands.good("issuances", "export", "--format", "jsonl", *options).splitlines()
    assert [json.loads(line)["token_id"] for line in lines] == found


@pytest.mark.parametrize("moment", ["yesterday", "", "2027-13-01", "7 weeks"])
def test_a_moment_that_is_none_is_refused(commands: Commands, moment: str) -> None:
    assert "2026-03-01" in commands.bad("issuances", "list", "--since", moment)


def test_csv_holds_every_column_and_no_formula(commands: Commands) -> None:
    header, *rows = csv.reader(io.StringIO(commands.good("issuances", "export")))
    assert header == [*IssuanceRow._fields]
    by_id = {row[0]: dict(zip(header, row, strict=True)) for row in rows}
    assert len(by_id) == 3
    assert by_id["id-0"]["issued_at"] == "2027-01-15T08:00:00Z"
    assert by_id["id-0"]["expires_at"] == "2027-01-15T08:05:00Z"
    assert (by_id["id-1"]["room"], by_id["id-1"]["scene"], by_id["id-1"]["event"]) == (
        "'=1+1",
        "'-s",
        "e,\"'",
    )
    assert by_id["id-2"]["room"] == "a\x1b[31m\nb"


def test_json_lines_hold_what_the_store_holds(commands: Commands) -> None:
    lines = commands.good("issuances", "export", "--format", "jsonl").splitlines()
    by_id = {row["token_id"]: row for row in map(json.loads, lines)}
    assert set(by_id["id-1"]) == set(IssuanceRow._fields)
    assert (by_id["id-1"]["room"], by_id["id-1"]["identity"]) == ("=1+1", None)
    assert by_id["id-1"]["issued_at"] == "2027-01-15T09:00:00Z"
    assert "no row has such a text" in commands.bad("issuances", "list", "--room", "a\0b")
