"""`issuer sessions`: who is signed in."""

import re
from datetime import UTC, datetime

import click

from issuer.cli import Shell
from issuer.observability import audit
from issuer.portal.sessions import handle_of
from issuer.store import Session

MOST = 1000
HANDLE = re.compile(r"[0-9a-f]{16}")


@click.group()
def sessions() -> None:
    """List sessions, and end them."""


@sessions.command("list")
@click.option("--user", "uid", help="Only those of this user.")
@click.pass_obj
def list_sessions(shell: Shell, uid: str | None) -> None:
    """List living sessions: handle, user, last use (UTC), address."""
    store = shell.parts.store.sessions
    rows = store.all(MOST) if uid is None else store.of_uid(uid)
    for row in rows:
        seen = datetime.fromtimestamp(row.seen_at, UTC).strftime("%Y-%m-%d %H:%M:%S")
        click.echo(f"{handle_of(row)}  {row.identity.uid:20} {row.identity.backend:10} {seen}  {row.address}")
    if uid is None and len(rows) == MOST:
        click.echo(f"These are the {MOST} newest; --user shows all of a user's.", err=True)


@sessions.command()
@click.argument("handle", required=False)
@click.option("--user", "uid", help="End every session of this user.")
@click.pass_obj
def end(shell: Shell, handle: str | None, uid: str | None) -> None:
    """End the session with this HANDLE, or every session of a user."""
    if (handle is None) == (uid is None):
        raise click.UsageError("give a handle or --user")
    store = shell.parts.store.sessions
    if handle is None:
        found = store.end_of_uid(uid or "")
    else:
        found = [row for row in _with_handle(shell, handle) if store.end(row.id_hash)]
    for row in found:
        audit.session_ended(row.identity, "operator")
    if not found:
        raise click.ClickException("there is no such session: see `issuer sessions list`")
    click.echo(f"{len(found)} ended")


def _with_handle(shell: Shell, handle: str) -> list[Session]:
    if not HANDLE.fullmatch(handle):
        raise click.ClickException("a handle has 16 digits from 0 to f: see `issuer sessions list`")
    return shell.parts.store.sessions.beginning_with(bytes.fromhex(handle))
