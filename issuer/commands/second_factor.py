"""`issuer second-factor`: who has one, and removing it for those who lost theirs."""

from datetime import UTC, datetime

import click

from issuer.cli import Shell
from issuer.observability import audit


@click.group("second-factor")
def second_factor() -> None:
    """List second factors, and remove them."""


@second_factor.command("list")
@click.pass_obj
def list_factors(shell: Shell) -> None:
    """List who has a second factor: user, login backend, when it was set up (UTC), unused recovery codes."""
    rows = shell.parts.store.second_factors
    for factor in rows.all():
        made = datetime.fromtimestamp(factor.created_at, UTC).strftime("%Y-%m-%d %H:%M:%S")
        left = rows.codes_left(factor.backend, factor.subject)
        click.echo(f"{factor.uid:20} {factor.backend:10} {made}  {left}")


@second_factor.command()
@click.argument("uid")
@click.option("--backend", help="The login backend, when several have somebody of this name.")
@click.pass_obj
def remove(shell: Shell, uid: str, backend: str | None) -> None:
    """Remove the second factor of UID; they sign in with the password alone, or set up another."""
    rows = shell.parts.store.second_factors
    found = [factor for factor in rows.of_uid(uid) if backend in {None, factor.backend}]
    if not found:
        raise click.ClickException(f'nobody named "{uid}" has one: see `issuer second-factor list`')
    if len(found) > 1:
        names = ", ".join(factor.backend for factor in found)
        raise click.ClickException(f"several have this name: choose one with --backend ({names})")
    rows.remove(found[0].backend, found[0].subject)
    audit.second_factor_removed(found[0].backend, uid, "operator")
    click.echo(f"second factor of {uid} removed")
