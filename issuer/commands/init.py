"""`issuer init`: a first configuration."""

import os
from pathlib import Path

import click
from pydantic import TypeAdapter, ValidationError

import issuer.keys as ring
from issuer.cli import Shell
from issuer.module import Module, SignInPage
from issuer.settings.models import Settings, TokenSettings
from issuer.settings.sample import sample
from issuer.settings.types import PublicUrl
from issuer.wiring.plugins import MODULES, PluginError, known, load
from issuer.world import Clock

SECRET_BYTES = 32


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read; raise FileExistsError rather than overwrite one."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)


def module_types() -> dict[str, type[Module]]:
    """Return the installed issuer modules."""
    return {name: load(MODULES, name, Module) for name in known(MODULES)}


def _public_url(_context: click.Context, _option: click.Parameter, value: str) -> str:
    try:
        return str(TypeAdapter(PublicUrl).validate_python(value))
    except ValidationError as error:
        raise click.BadParameter(str(error.errors()[0]["ctx"]["error"])) from None


@click.command()
@click.argument("file", type=click.Path(path_type=Path), default="issuer.toml")
@click.option(
    "--public-url",
    default="http://127.0.0.1:8080/",
    show_default=True,
    callback=_public_url,
    help="Where browsers reach it.",
)
@click.option("--module", "enabled", multiple=True, help="An issuer module to enable, as in jitsi.")
@click.option(
    "--sign-in-page", is_flag=True, help="Add the client of a module's own sign-in page, as Jitsi's."
)
@click.pass_obj
def init(shell: Shell, file: Path, public_url: str, enabled: tuple[str, ...], sign_in_page: bool) -> None:
    """Write a commented configuration FILE with fresh secrets, and make signing keys."""
    try:
        types = module_types()
    except PluginError as error:
        raise click.ClickException(str(error)) from None
    if unknown := set(enabled) - set(types):
        raise click.ClickException(
            f"there is no module {sorted(unknown)[0]!r}; installed are: {', '.join(types)}"
        )
    pages = _sign_in_pages([types[name] for name in enabled], public_url) if sign_in_page else []
    enabled += tuple(name for page in pages for name in page.modules if name not in enabled)
    models = {name: module.Settings for name, module in types.items() if module.in_sample}
    shell.give_up_root([file])
    text = sample(public_url, models, enabled, lambda: shell.randomness.bytes(SECRET_BYTES).hex())
    text += "".join(f"\n{page.sections}" for page in pages)
    try:
        write_private(file, text)
    except OSError as error:
        raise click.ClickException(f"cannot write {file}: {error.strerror}") from None
    click.echo(f"{file} written")
    directory = file.absolute().parent / Settings.model_fields["keys"].default.directory
    try:
        for use in sorted({use for name in enabled for use in types[name].key_uses}):
            make_keys(directory, use, shell.clock)
    except (ring.KeyRingError, OSError) as error:
        raise click.ClickException(f"no key could be made in {directory}: {error}") from None
    for page in pages:
        click.echo(f"\n{page.told}")


def _sign_in_pages(types: list[type[Module]], public_url: str) -> list[SignInPage]:
    found = [page for module in types if (page := module.sign_in_page(public_url))]
    if not found:
        raise click.ClickException("no module has a sign-in page of its own: name one, as in --module jitsi")
    return found


def make_keys(directory: Path, use: str, clock: Clock) -> None:
    """Make an active key and the next one, where there is none of that use yet."""
    if any(key.use == use for key in ring.list_keys(directory)):
        return
    retention = TokenSettings().maximum_lifetime + ring.RETENTION_MARGIN
    for made in ring.generate(directory, use=use, kind="rsa-2048", clock=clock, retention=retention):
        click.echo(f"key {made.kid} made ({use}, {made.state})")
