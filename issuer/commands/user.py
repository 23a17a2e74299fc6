"""`issuer user`: local users."""

import sys
from collections.abc import Iterable

import click

from issuer.authentication.identities.resolver import normal_login
from issuer.authentication.throttling import account_key
from issuer.backends.local import LocalUsers, UserError
from issuer.cli import Shell
from issuer.identity import Attribute
from issuer.store import DuplicateError, User


@click.group()
def user() -> None:
    """Manage local users; what changes here changes their sessions at once."""


def _users(shell: Shell) -> LocalUsers:
    return LocalUsers(shell.parts.services, shell.local_instances())


def _attributes(pairs: Iterable[str]) -> dict[str, Attribute]:
    found: dict[str, list[str]] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise click.BadParameter(f'"{pair}" is not NAME=VALUE')
        found.setdefault(name, []).extend([value] if value else [])
    return {name: values[0] if len(values) == 1 else values for name, values in found.items()}


def _line(found: User) -> str:
    state = "" if found.enabled else "  (disabled)"
    return f"{found.uid:20} {', '.join(found.groups) or '-':30} {found.attributes.get('mail', '')}{state}"


def _password(given: str | None) -> str:
    return given if given is not None else click.prompt("Password", hide_input=True, confirmation_prompt=True)


attribute = click.option(
    "--set", "pairs", multiple=True, metavar="NAME=VALUE", help="An attribute, as in cn=Rose."
)
group = click.option("--group", "groups", multiple=True, help="A group; give it several times for several.")
stdin = click.option(
    "--password-stdin", "from_stdin", is_flag=True, help="Read the password from standard input."
)


def _read_password(from_stdin: bool) -> str:
    return _password(sys.stdin.readline().rstrip("\n") if from_stdin else None)


@user.command()
@click.argument("uid")
@attribute
@group
@stdin
@click.pass_obj
def add(shell: Shell, uid: str, pairs: tuple[str, ...], groups: tuple[str, ...], from_stdin: bool) -> None:
    """Add a user named UID."""
    try:
        _users(shell).add(uid, _read_password(from_stdin), _attributes(pairs), groups)
    except DuplicateError:
        raise click.ClickException(f'there is a user "{uid}" already: see `issuer user set`') from None
    except UserError as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"{uid} added")


@user.command("list")
@click.pass_obj
def list_users(shell: Shell) -> None:
    """List the users, with groups and mail address."""
    for found in shell.parts.store.users.all():
        click.echo(_line(found))


@user.command()
@click.argument("uid")
@stdin
@click.pass_obj
def passwd(shell: Shell, uid: str, from_stdin: bool) -> None:
    """Change the password of UID, and end their sessions."""
    try:
        users = _users(shell)
        users.get(uid)
        users.set_password(uid, _read_password(from_stdin))
    except UserError as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"password of {uid} changed, sessions ended")


@user.command("set")
@click.argument("uid")
@attribute
@group
@click.option("--no-groups", is_flag=True, help="Take every group away.")
@click.option("--enable/--disable", "enabled", default=None, help="Whether the user may sign in.")
@click.pass_obj
def set_user(
    shell: Shell,
    uid: str,
    pairs: tuple[str, ...],
    groups: tuple[str, ...],
    no_groups: bool,
    enabled: bool | None,
) -> None:
    """Change attributes (NAME= removes one) and groups of UID; sessions follow."""
    if groups and no_groups:
        raise click.UsageError("--group and --no-groups contradict each other")
    try:
        changed = _users(shell).change(
            uid, _attributes(pairs), groups if groups or no_groups else None, enabled
        )
    except UserError as error:
        raise click.ClickException(str(error)) from None
    click.echo(_line(changed))


@user.command()
@click.argument("uid")
@click.pass_obj
def remove(shell: Shell, uid: str) -> None:
    """Remove UID, and end their sessions."""
    try:
        _users(shell).remove(uid)
    except UserError as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"{uid} removed")


@user.command("account-hash")
@click.argument("name")
@click.pass_obj
def account_hash(shell: Shell, name: str) -> None:
    """Show what the log calls NAME as `account`, where somebody failed to sign in.

    The first line is what it has now; the others are what it has had, or will have, when the secret named
    beside them was, or will be, the one that is used.
    """
    for secret, hashed in shell.parts.log_names.every(account_key(name)):
        if secret != "this process":  # noqa: S105 - whose log is another
            click.echo(f"{hashed}  {secret}")


@user.command()
@click.argument("uid")
@click.pass_obj
def release(shell: Shell, uid: str) -> None:
    """Let the user name UID belong to nobody: whoever signs in with it next has it.

    Local users and people of a directory have their names whether they signed in or not.
    """
    if not shell.parts.store.claims.release(normal_login(uid)):
        raise click.ClickException(f'nobody has signed in with the name "{uid[:64]}"')
    click.echo(f"{uid} belongs to nobody now")
