"""`issuer client`: clients that are added without touching the configuration file."""

import json
from datetime import UTC, datetime
from typing import Any

import click
from pydantic import ValidationError

from issuer.app import parts
from issuer.store import DuplicateError
from modules.oidc.clients.client import secret_hash, stored_settings
from modules.oidc.provider import Provider
from modules.oidc.settings import GRANT_TYPES, ClientSettings

LISTS = ("redirect_uris", "post_logout_redirect_uris", "grant_types", "scopes", "resources", "origins")


@click.group()
@click.option("--instance", default="oidc", show_default=True, help="Which OpenID Provider.")
@click.pass_context
def client(ctx: click.Context, instance: str) -> None:
    """Manage clients of an OpenID Provider; those of the configuration file stay as they are."""
    module = parts().modules.get(instance)
    provider = getattr(module, "provider", None)
    if not isinstance(provider, Provider):
        raise click.ClickException(f'"{instance}" is not an OpenID Provider of the configuration')
    ctx.obj = provider


@client.command()
@click.argument("client_id")
@click.option("--name", default="", help="What people call it.")
@click.option("--redirect-uri", "redirect_uris", multiple=True, help="Where people are sent back to.")
@click.option("--post-logout-redirect-uri", "post_logout_redirect_uris", multiple=True)
@click.option("--scope", "scopes", multiple=True, help="What it may ask for.")
@click.option("--grant-type", "grant_types", multiple=True, type=click.Choice(GRANT_TYPES))
@click.option("--resource", "resources", multiple=True, help="An audience that it may name.")
@click.option("--origin", "origins", multiple=True, help="Origin of a page that calls from a browser.")
@click.option("--rule", help="Who may use it.")
@click.option("--jitsi", help="The Jitsi instance whose tokens it gets, for Jitsi's own sign-in page.")
@click.option("--trusted", is_flag=True, help="People are not asked for consent.")
@click.option("--public", is_flag=True, help="It has no secret.")
@click.pass_obj
def add(provider: Provider, /, client_id: str, public: bool, jitsi: str | None, **options: Any) -> None:
    """Add a client, and print its secret, which is shown once."""
    secret = None if public else provider.new_secret()
    section = {name: list(value) if name in LISTS else value for name, value in options.items() if value}
    if jitsi:
        section |= {"kind": "jitsi", "jitsi": jitsi}
    _validate(client_id, section | ({} if secret is None else {"secret": secret}))
    if client_id in provider.settings.clients:
        raise click.ClickException(f"{client_id} is in the configuration file already")
    try:
        provider.stored.add(client_id, json.dumps(section), secret_hash(secret) if secret else None)
    except DuplicateError:
        raise click.ClickException(f"there is a client {client_id} already") from None
    _tell(client_id, secret)


@client.command("list")
@click.pass_obj
def list_clients(provider: Provider) -> None:
    """List every client: id, kind, where it is from, redirect URIs."""
    for client_id, section in provider.settings.clients.items():
        _line(client_id, section, "configuration")
    for row in provider.stored.all():
        _line(
            row.client_id,
            stored_settings(row),
            datetime.fromtimestamp(row.created_at, UTC).strftime("%Y-%m-%d"),
        )


@client.command("rotate-secret")
@click.argument("client_id")
@click.pass_obj
def rotate_secret(provider: Provider, client_id: str) -> None:
    """Give an added client another secret, and print it; the old one counts no more."""
    row = provider.stored.get(client_id)
    if row is None:
        raise click.ClickException(f"there is no added client {client_id}: see `issuer client list`")
    if row.secret_hash is None:
        raise click.ClickException(f"{client_id} is public: it has no secret")
    secret = provider.new_secret()
    provider.stored.set_secret(client_id, secret_hash(secret))
    _tell(client_id, secret)


@client.command()
@click.argument("client_id")
@click.pass_obj
def remove(provider: Provider, client_id: str) -> None:
    """Remove an added client; its tokens are no longer good here."""
    ended = provider.remove_client(client_id)
    if ended is None:
        raise click.ClickException(f"there is no added client {client_id}: see `issuer client list`")
    click.echo(f"{client_id} removed, {ended} grants ended")


def _validate(client_id: str, section: dict[str, Any]) -> None:
    try:
        ClientSettings.model_validate(section)
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        place = ".".join(map(str, first["loc"])) or client_id
        raise click.ClickException(f"{place}: {first['msg'].removeprefix('Value error, ')}") from None


def _tell(client_id: str, secret: str | None) -> None:
    click.echo(f"client_id      {client_id}")
    if secret is not None:
        click.echo(f"client_secret  {secret}")


def _line(client_id: str, section: ClientSettings, origin: str) -> None:
    kind = "public" if section.public else "confidential"
    click.echo(f"{client_id:20} {section.kind:9} {kind:13} {origin:14} {' '.join(section.redirect_uris)}")
