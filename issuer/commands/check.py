"""`issuer check`: validates the configuration without dialling anybody."""

import sys

import click

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
    failed = 0
    for item in (item for item in house.checks() if item.offline):
        try:
            item.run()
        except Exception as error:
            click.echo(f"BAD  {item.name}: {error}")
            failed += 1
        else:
            click.echo(f"ok   {item.name}")
    instances = ", ".join(f"{name} ({m.name} at {m.settings.path})" for name, m in house.modules.items())
    click.echo(
        f"ok   configuration; modules: {instances or 'none'}"
        if not failed
        else "the configuration has faults"
    )
    sys.exit(1 if failed else 0)
