"""`issuer keys`: look at the key ring and change it. A running service notices within seconds."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, Literal, Protocol

import click

import issuer.keys as ring
from issuer.cli import GivenFile
from issuer.world import Clock


class KeyContext(Protocol):
    """What these commands need of the command line's context object."""

    clock: Clock

    def key_directory(self) -> Path:
        """Return where the keys are."""
        ...

    def key_retention(self) -> float:
        """Return how many seconds a retired key stays published."""
        ...


class KeyGroup(click.Group):
    """Turns what can go wrong with keys into a message and exit status 1."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except ring.KeyRingError as error:
            raise click.ClickException(str(error)) from error
        except PermissionError as error:
            who = "the user that owns the key directory, or as root"
            raise click.ClickException(f"{error.filename}: {error.strerror}. Run this as {who}.") from error


def _place(ctx: click.Context) -> tuple[Path, Clock, float]:
    """Return the key directory, the clock and the retention: all that these commands take from outside."""
    context: KeyContext = ctx.obj
    return context.key_directory(), context.clock, context.key_retention()


# A kid may begin with a hyphen: a thumbprint is base64url.
_kid = {"ignore_unknown_options": True}


_fixed = click.option(
    "--fixed",
    is_flag=True,
    help="Another side is told its kid: make no next key, and let `keys rotate` pass it over.",
)


@click.group("keys", cls=KeyGroup)
def keys() -> None:
    """Look at the signing keys and change them."""


@keys.command("list")
@click.pass_context
def list_(ctx: click.Context) -> None:
    """Show all keys: active ones sign, next ones follow, retired ones stay published for a while."""
    directory, clock, retention = _place(ctx)
    found = ring.list_keys(directory)
    if not found:
        click.echo(f"No keys in {directory}. Make one: issuer keys generate --use jitsi")
        return
    heading = ("KID", "USE", "TYPE", "STATE", "SINCE", "PUBLISHED")
    click.echo(_table([heading, *(_row(record, clock.now(), retention) for record in found)]))


@keys.command()
@click.option("--use", required=True, help="What the key signs for: jitsi, oidc.")
@click.option(
    "--type",
    "kind",
    default="rsa-2048",
    show_default=True,
    help="rsa-2048, rsa-3072, rsa-4096, p-256 or ed25519.",
)
@click.option("--kid", help="The key's name; without it its RFC 7638 thumbprint.")
@_fixed
@click.pass_context
def generate(ctx: click.Context, use: str, kind: str, kid: str | None, fixed: bool) -> None:
    """Make a key: the first of its use and type signs at once and gets a next key beside it."""
    directory, clock, retention = _place(ctx)
    name = _named(kid, fixed)
    _tell(ring.generate(directory, use=use, kind=kind, kid=name, clock=clock, retention=retention))


@keys.command("import")
@click.argument("file", type=GivenFile("rb"))
@click.option("--use", required=True, help="What the key signs for: jitsi, oidc.")
@click.option("--kid", help="The key's name; without it the one in a JWK, else its RFC 7638 thumbprint.")
@_fixed
@click.pass_context
def import_(ctx: click.Context, file: BinaryIO, use: str, kid: str | None, fixed: bool) -> None:
    """Take a private key from FILE (PEM or JWK; - for standard input)."""
    directory, clock, retention = _place(ctx)
    name = _named(kid, fixed)
    _tell(ring.import_key(directory, file.read(), use=use, kid=name, clock=clock, retention=retention))


@keys.command()
@click.option("--use", help="Rotate only the keys of this use, fixed ones too.")
@click.pass_context
def rotate(ctx: click.Context, use: str | None) -> None:
    """Let the next keys sign from now on, retire the active ones, and publish new next ones."""
    directory, clock, retention = _place(ctx)
    if use is None:
        kept = {record.use for record in ring.list_keys(directory) if record.fixed}
        for name in sorted(kept):
            click.echo(f"{name}: passed over, because its key is fixed.")
    for done in ring.rotate(directory, use=use, clock=clock, retention=retention):
        if done.activated is None:
            click.echo(
                f"{done.use}: there was no next key. {done.next} is published now; nothing else changed.\n"
                f"Run `issuer keys rotate --use {done.use}` again when clients have had the time to fetch it."
            )
            continue
        click.echo(f"{done.use}: {done.activated} ({done.kind}) signs from now on.")
        for kid in done.retired:
            click.echo(f"{done.use}: {kid} is retired.")
        if done.next:
            click.echo(f"{done.use}: {done.next} is next.")


@keys.command(context_settings=_kid)
@click.argument("kid")
@click.option("--even-if-last", is_flag=True, help="Retire the active key, so that nothing signs any more.")
@click.option(
    "--compromised", is_flag=True, help="Delete the key at once: its tokens are refused from now on."
)
@click.pass_context
def retire(ctx: click.Context, kid: str, even_if_last: bool, compromised: bool) -> None:
    """Stop using a key. It stays published until its tokens have expired."""
    directory, clock, retention = _place(ctx)
    ring.retire(
        directory, kid, even_if_last=even_if_last, compromised=compromised, clock=clock, retention=retention
    )
    click.echo(f"{kid} is deleted." if compromised else f"{kid} is retired.")


@keys.command(context_settings=_kid)
@click.argument("kid")
@click.option("--format", "form", type=click.Choice(["pem", "jwk"]), default="pem", show_default=True)
@click.option("--private", is_flag=True, help="The whole key, secret part included.")
@click.pass_context
def export(ctx: click.Context, kid: str, form: Literal["pem", "jwk"], private: bool) -> None:
    """Print the public part of a key."""
    directory, _, _ = _place(ctx)
    text = ring.export(directory, kid, form=form, private=private)
    if private:
        click.echo("Warning: this is the private key. Whoever has it can sign tokens.", err=True)
    click.echo(text, nl=False)


def _named(kid: str | None, fixed: bool) -> str | None:
    if fixed and kid is None:
        raise click.UsageError("--fixed goes with --kid: the name that the other side gives the key")
    return ring.FixedKid(kid) if fixed and kid else kid


def _tell(added: Sequence[ring.PublicKey]) -> None:
    for key in added:
        doing = "signs from now on" if key.state is ring.KeyState.ACTIVE else "is next"
        click.echo(f"{key.use}: {key.kid} ({key.kty}) {doing}.")


def _row(record: ring.KeyFile, now: float, retention: float) -> tuple[str, ...]:
    since = {
        ring.KeyState.NEXT: record.created,
        ring.KeyState.ACTIVE: record.activated,
        ring.KeyState.RETIRED: record.retired,
    }[record.state]
    until = record.published_until(retention)
    published = "yes" if until is None else f"until {_time(until)}" if now < until else "no"
    return record.kid, record.use, record.kind, record.state, _time(since or record.created), published


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _table(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )
