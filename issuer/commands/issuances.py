"""`issuer issuances`: which tokens were given out, to whom and for what; never the tokens."""

import csv
import json
import sys
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any, cast

import click

from issuer.cli import Shell
from issuer.settings.types import DURATION, UNITS
from issuer.store import Filter, IssuanceRow
from issuer.store.database import storable

LEADS_A_FORMULA = ("=", "+", "-", "@", "\t", "\r")
TIMES = ("issued_at", "expires_at")


class Moment(click.ParamType[float]):
    """A moment: `2026-03-01`, `2026-03-01T14:00:00Z`, or `7d` for so long ago. UTC where nothing is said."""

    name = "moment"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return seconds since 1970."""
        if isinstance(value, float):
            return value
        ago = DURATION.fullmatch(value)
        if ago and ctx:
            now: float = ctx.obj.clock.now()
            return now - float(ago[1]) * UNITS[ago[2] or "s"]
        try:
            found = datetime.fromisoformat(value)
        except ValueError:
            self.fail('write 2026-03-01, 2026-03-01T14:00:00Z, or "7d" for seven days ago', param, ctx)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


OPTIONS = (
    click.option("--user", "uid", help="Only those of this user."),
    click.option("--backend", help="Only those of people of this login backend."),
    click.option("--subject", help="Only those of the person whom the backend calls so."),
    click.option("--instance", help="Only those of this instance of a module."),
    click.option("--module", help="Only those of modules of this type."),
    click.option("--room", help="Only those for this room."),
    click.option("--tenant", help="Only those for rooms of this tenant."),
    click.option("--scene", help="Only those for this scene."),
    click.option("--event", help="Only those for this event."),
    click.option("--identity", help="Only those for this participant of a LiveKit server."),
    click.option("--address", help="Only those from this address."),
    click.option("--since", type=Moment(), help='As in 2026-03-01, 2026-03-01T14:00:00Z or "7d" (ago).'),
    click.option("--until", type=Moment(), help="The same; this moment is not included."),
)


def _filtered(command: Callable[..., None]) -> Callable[..., None]:
    for option in reversed(OPTIONS):
        command = option(command)
    return command


@click.group()
def issuances() -> None:
    """Look at the record of tokens that were given out."""


@issuances.command("list")
@_filtered
@click.option("--limit", type=click.IntRange(1, 100_000), default=100, show_default=True)
@click.pass_obj
def list_issuances(
    shell: Shell, /, since: float | None, until: float | None, limit: int, **equal: str | None
) -> None:
    """List tokens, the newest first: when (UTC), instance, user, room, address, token id."""
    rows = shell.parts.store.issuances.search(since=since, until=until, limit=limit, **_filter(equal))
    for row in rows:
        time = _time(row.issued_at).replace("T", " ").removesuffix("Z")
        columns = f"{row.instance:12} {_plain(row.uid):20} {_plain(row.room):24} {_plain(row.address):15}"
        click.echo(f"{time}  {columns} {row.token_id}")
    if len(rows) == limit:
        click.echo(f"These are the {limit} newest; --limit shows more.", err=True)


@issuances.command()
@_filtered
@click.option("--format", "form", type=click.Choice(["csv", "jsonl"]), default="csv", show_default=True)
@click.pass_obj
def export(shell: Shell, /, since: float | None, until: float | None, form: str, **equal: str | None) -> None:
    """Write all columns to standard output, as CSV or as one JSON object a line; times as in RFC 3339."""
    rows = shell.parts.store.issuances.each(since=since, until=until, **_filter(equal))
    (_write_csv if form == "csv" else _write_json_lines)(rows)


def _write_csv(rows: Iterable[IssuanceRow]) -> None:
    """Write CSV (RFC 4180) that a spreadsheet takes for text: a formula of a stranger is not one there."""
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(IssuanceRow._fields)
    for row in rows:
        writer.writerow(_text_cell(value) for value in _values(row).values())


def _write_json_lines(rows: Iterable[IssuanceRow]) -> None:
    for row in rows:
        click.echo(json.dumps(_values(row)))


def _values(row: IssuanceRow) -> dict[str, str | None]:
    found = row._asdict()
    return {**found, **{name: _time(found[name]) for name in TIMES}}


def _text_cell(value: str | None) -> str:
    text = value or ""
    return f"'{text}" if text.startswith(LEADS_A_FORMULA) else text


def _filter(equal: dict[str, str | None]) -> Filter:
    """Return what was asked for; a text that no row can hold matches nothing."""
    for name, text in equal.items():
        if text is not None and not storable(text):
            raise click.BadParameter("no row has such a text", param_hint=f"--{name}")
    return cast("Filter", equal)  # the options are named as the columns are


def _time(seconds: float) -> str:
    """Return a moment in the form of RFC 3339 §5.6, in whole seconds."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _plain(text: str | None) -> str:
    """Return a text that does nothing to a terminal: strangers name rooms."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text or "-")
