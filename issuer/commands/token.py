"""`issuer token`: a token for somebody, from the shell, to see what is in it."""

import click

from issuer.cli import Shell
from issuer.errors import GatewayError


@click.command()
@click.argument("instance")
@click.option("--user", "uid", required=True, help="The local user that the token is for.")
@click.option("--room", help="The room.")
@click.option("--tenant", help="The tenant.")
@click.pass_obj
def token(shell: Shell, instance: str, uid: str, room: str | None, tenant: str | None) -> None:
    """Issue a token of an INSTANCE for a user; it is recorded like every other."""
    module = shell.parts.modules.get(instance)
    if module is None:
        names = ", ".join(shell.parts.modules) or "none"
        raise click.ClickException(f'there is no instance "{instance}"; enabled are: {names}')
    identity = shell.find_user(uid)
    if identity is None:
        raise click.ClickException(f'there is no user "{uid}": see `issuer user list`')
    wishes = {name: value for name, value in (("room", room), ("tenant", tenant)) if value is not None}
    try:
        click.echo(module.token(identity, wishes))
    except (GatewayError, ValueError, NotImplementedError) as error:
        raise click.ClickException(str(error)) from None
