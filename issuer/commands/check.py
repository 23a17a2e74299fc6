"""`issuer check`: validates the configuration without dialling anybody."""

import sys
from collections.abc import Iterable

import click

from issuer.check import Check
from issuer.cli import ConfigurationFault, Shell


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
    for warning in [*shell.configuration.warnings, *house.warnings()]:
        click.echo(f"warn {warning}")
    failed = run_checks(item for item in house.checks() if item.offline)
    instances = ", ".join(f"{name} ({m.name} at {m.settings.path})" for name, m in house.modules.items())
    good = f"ok   configuration; modules: {instances or 'none'}"
    if failed:
        click.echo("the configuration has faults")
        sys.exit(1)
    for name, module in house.modules.items():
        for note in module.notes():
            click.echo(f"note {name}: {note}")
    click.echo(good)


def run_checks(checks: Iterable[Check]) -> int:
    """Run checks, print one line for each, and return how many failed."""
    failed = 0
    for item in checks:
        try:
            item.run()
        except Exception as error:
            click.echo(f"BAD  {item.name}: {error}")
            failed += 1
        else:
            click.echo(f"ok   {item.name}")
    return failed
