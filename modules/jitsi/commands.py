"""`issuer verify`: explains a token as Jitsi would judge it."""

import sys

import click

from issuer.app import parts
from issuer.jitsi.verdict import JitsiServer, judge_token
from issuer.jitsi.verdict_jaas import judge_jaas
from issuer.keys import PublicKey
from modules.jitsi.rooms import RoomError, parse_room
from modules.jitsi.settings import JitsiSettings


def server_of(settings: JitsiSettings, public_url: str, room: str | None) -> JitsiServer:
    """Return the Jitsi server of an instance, set up as the documentation says."""
    secret = settings.app_secret

    def fetch_key(kid: str) -> bytes | None:
        key: PublicKey | None = parts().keys.by_kid(kid)
        return key.pem if key and key.use == settings.key_use else None

    return JitsiServer(
        issuers=[settings.issuer or public_url],
        audiences=[settings.audience or settings.app_id],
        algorithm=settings.algorithm,
        secret=secret.get_secret_value().encode() if secret else None,
        fetch_key=None if secret else fetch_key,
        domain=None if settings.domain == "*" else settings.domain,
        room=room,
    )


@click.command("verify")
@click.argument("token")
@click.option(
    "--instance", default="jitsi", show_default=True, help="Which Jitsi server of the configuration."
)
@click.option("--room", help="The room that would be entered.")
@click.option("--jaas", is_flag=True, help="Judge as 8x8's Jitsi as a Service does.")
def verify(token: str, instance: str, room: str | None, jaas: bool) -> None:
    """Explain a TOKEN as Jitsi would judge it ("-" reads it from standard input)."""
    house = parts()
    module = house.modules.get(instance)
    if module is None or not isinstance(module.settings, JitsiSettings):
        raise click.ClickException(f'"{instance}" is not a Jitsi instance of the configuration')
    try:
        claim = parse_room(room).claim if room else None
    except RoomError as error:
        raise click.ClickException(str(error)) from None
    server = server_of(module.settings, house.settings.public_url, claim)
    text = sys.stdin.read().strip() if token == "-" else token  # noqa: S105
    findings = judge_token(text, server, house.world.clock.now())
    if jaas or module.settings.preset:
        findings = judge_jaas(text, findings)
    for finding in findings:
        click.echo(f"{'ok  ' if finding.ok else 'BAD '} {finding.what}: {finding.text}")
    if not all(finding.ok for finding in findings):
        sys.exit(1)
