"""`issuer sessions`: who is signed in."""

from datetime import UTC, datetime

import click

from issuer import audit
from issuer.cli import Shell
from issuer.portal.pages import handle_of


@click.group()
def sessions() -> None:
    """List sessions, and end them."""


@sessions.command("list")
@click.option("--user", "uid", help="Only those of this user.")
@click.pass_obj
def list_sessions(shell: Shell, uid: str | None) -> None:
    """List living sessions: handle, user, last use (UTC), address."""
    for row in shell.parts.store.sessions.all():
        if uid in {None, row.identity.uid}:
            seen = datetime.fromtimestamp(row.seen_at, UTC).strftime("%Y-%m-%d %H:%M:%S")
            click.echo(
                f"{handle_of(row)}  {row.identity.uid:20} {row.identity.backend:10} {seen}  {row.address}"
            )


@sessions.command()
@click.argument("handle", required=False)
@click.option("--user", "uid", help="End every session of this user.")
@click.pass_obj
def end(shell: Shell, handle: str | None, uid: str | None) -> None:
    """End the session with this HANDLE, or every session of a user."""
    if (handle is None) == (uid is None):
        raise click.UsageError("give a handle or --user")
    rows = shell.parts.store.sessions.all()
    found = [row for row in rows if handle_of(row) == handle or row.identity.uid == uid]
    for row in found:
        shell.parts.store.sessions.end(row.id_hash)
        audit.session_ended(row.identity, "operator")
    if not found:
        raise click.ClickException("there is no such session: see `issuer sessions list`")
    click.echo(f"{len(found)} ended")
