"""`issuer check`: validates the configuration without dialling anybody."""

import sys
from typing import TYPE_CHECKING

import click

from issuer.cli import ConfigurationFault, Shell

if TYPE_CHECKING:
    from issuer.app import Parts


@click.command()
@click.pass_obj
def check(shell: Shell) -> None:
    """Validate the configuration offline; exit status 1 when something is wrong."""
    from issuer.app import create_app, parts  # noqa: PLC0415 - what is wrong may be found before
    from issuer.settings.problems import ConfigError  # noqa: PLC0415

    try:
        house = parts(create_app(shell.configuration))
    except ConfigError as error:
        raise ConfigurationFault(error) from None
    warnings = [f"modules.{name}: {text}" for name, m in house.modules.items() for text in m.warnings()]
    for warning in [*shell.configuration.warnings, *warnings]:
        click.echo(f"warn {warning}")
    failed = _run_checks(house)
    instances = ", ".join(f"{name} ({m.name} at {m.settings.path})" for name, m in house.modules.items())
    good = f"ok   configuration; modules: {instances or 'none'}"
    click.echo("the configuration has faults" if failed else good)
    sys.exit(1 if failed else 0)


def _run_checks(house: "Parts") -> int:
    failed = 0
    for item in (item for item in house.checks() if item.offline):
        try:
            item.run()
        except Exception as error:
            click.echo(f"BAD  {item.name}: {error}")
            failed += 1
        else:
            click.echo(f"ok   {item.name}")
    return failed
