"""`issuer doctor`: dials every server that the configuration names, with its credentials."""

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from issuer.check import Check
from issuer.cli import ConfigurationFault, Shell
from issuer.commands.check import run_checks

if TYPE_CHECKING:
    from issuer.app import Parts


@click.command()
@click.pass_obj
def doctor(shell: Shell) -> None:
    """Dial every configured server with the configured credentials; exit status 1 when one fails."""
    from issuer.app import create_app, parts  # noqa: PLC0415 - what is wrong may be found before
    from issuer.settings.problems import ConfigError  # noqa: PLC0415

    try:
        house = parts(create_app(shell.configuration))
    except ConfigError as error:
        raise ConfigurationFault(error) from None
    try:
        failed = run_checks(_all(house))
    finally:
        house.stop()
    click.echo(f"{failed} checks failed" if failed else "all is well")
    sys.exit(1 if failed else 0)


def _all(house: "Parts") -> Iterable[Check]:
    yield from house.checks()
    yield from house.doctor()
