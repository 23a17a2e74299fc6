"""`issuer demo`: a gateway to try out, with users, a key and a meeting page, on loopback only."""

import os
import sys
from pathlib import Path

import click

from issuer.backends.local import LocalUsers
from issuer.cli import Shell
from issuer.commands.init import SECRET_BYTES, make_keys, write_private
from issuer.commands.serve import run

OIDC_SECRET = "oidc-demo-secret"  # noqa: S105 - a file's name
CONFIGURATION = """\
# Configuration of the demo; the options of `issuer demo` change the ports.
public_url = "http://127.0.0.1:8080/"

[portal]
name = "Issuer demo"
demo = true

[server]
workers = 1

[log]
format = "text"
level = "warning"

[modules.jitsi]
server_url = "http://127.0.0.1:8081"
app_id = "demo"
algorithm = "RS256"
rule = 'inGroup("jitsi-meet")'
user.affiliation = 'inGroup("timelords") ? "owner" : "member"'

[[modules.jitsi.rooms]]
match = "tardis*"
rule = 'inGroup("timelords")'

[modules.demo]
meeting_bind = "127.0.0.1:8081"
"""

LIVEKIT = """
# The key and the secret with which a LiveKit server starts with `--dev`: never for real.
[modules.livekit]
url = "ws://127.0.0.1:7880"
api_key = "devkey"
api_secret = "secret"
allow_weak_secret = true

[modules.livekit.people]
identity_secret_file = "livekit-identity-secret"
origins = ["http://127.0.0.1:8082"]
grants.room_admin = 'inGroup("timelords")'

[[modules.livekit.people.rooms]]
match = "tardis*"
rule = 'inGroup("timelords")'
"""

OIDC = """
# A public client and a confidential one, on loopback with any port.
[modules.oidc.clients.demo]
name = "Demo application"
redirect_uris = ["http://127.0.0.1/callback"]

[modules.oidc.clients.demo-server]
name = "Demo server"
secret_file = "oidc-demo-secret"
redirect_uris = ["http://127.0.0.1/callback"]
scopes = ["openid", "profile", "email", "groups", "read"]
grant_types = ["authorization_code", "refresh_token", "client_credentials"]
"""

LATER = {"[modules.livekit]": LIVEKIT, "[modules.oidc": OIDC}
"""What a configuration of an earlier version may not have, by a text that is in it."""

USERS = {
    "dwho": ("Doctor Who", ("users", "timelords", "jitsi-meet")),
    "rtyler": ("Rose Tyler", ("users", "jitsi-meet")),
    "msmith": ("Mickey Smith", ("users",)),
}


@click.command()
@click.option("--directory", type=click.Path(path_type=Path), default="var/demo", show_default=True)
@click.option(
    "--port", type=click.IntRange(1, 65535), default=8080, show_default=True, help="The portal's port."
)
@click.option("--meeting-port", type=click.IntRange(1, 65535), default=8081, show_default=True)
@click.option("--call-port", type=click.IntRange(1, 65535), default=8082, show_default=True)
@click.option("--sfu-url", default="ws://127.0.0.1:7880", show_default=True, help="A LiveKit server.")
def demo(directory: Path, port: int, meeting_port: int, call_port: int, sfu_url: str) -> None:
    """Serve a demo on loopback; what it needs is made in a directory, and kept there."""
    file = directory / "issuer.toml"
    Shell.give_up_root([directory])
    directory.mkdir(parents=True, exist_ok=True)
    _write_configuration(file)
    shell = Shell(str(file), _environment(port, meeting_port, call_port, sfu_url))
    for name in ("livekit-identity-secret", OIDC_SECRET):
        _make_secret(directory / name, shell)
    for use in ("jitsi", "oidc"):
        make_keys(shell.key_directory(), use, shell.clock)
    _add_users(shell)
    _welcome(port, meeting_port, call_port)
    _welcome_applications(port, (directory / OIDC_SECRET).read_text())
    sys.exit(run(shell))


def _write_configuration(file: Path) -> None:
    """Write the configuration; one of an earlier version gets what it has not."""
    text = file.read_text() if file.exists() else CONFIGURATION
    missing = [more for mark, more in LATER.items() if mark not in text]
    if missing:
        file.write_text("".join([text, *missing]))
        file.chmod(0o600)


def _make_secret(file: Path, shell: Shell) -> None:
    if not file.exists():
        write_private(file, shell.randomness.bytes(SECRET_BYTES).hex())


def _environment(port: int, meeting_port: int, call_port: int, sfu_url: str) -> dict[str, str]:
    foreign = {name: value for name, value in os.environ.items() if not name.startswith("ISSUER__")}
    return foreign | {
        "ISSUER__PUBLIC_URL": f"http://127.0.0.1:{port}/",
        "ISSUER__SERVER__BIND": f"127.0.0.1:{port}",
        "ISSUER__MODULES__JITSI__SERVER_URL": f"http://127.0.0.1:{meeting_port}",
        "ISSUER__MODULES__DEMO__MEETING_BIND": f"127.0.0.1:{meeting_port}",
        "ISSUER__MODULES__DEMO__CALL_BIND": f"127.0.0.1:{call_port}",
        "ISSUER__MODULES__DEMO__SFU_URL": sfu_url,
        "ISSUER__MODULES__LIVEKIT__URL": sfu_url,
        "ISSUER__MODULES__LIVEKIT__PEOPLE__ORIGINS": f'["http://127.0.0.1:{call_port}"]',
    }


def _add_users(shell: Shell) -> None:
    users = LocalUsers(shell.parts.services, shortest_password=1)
    for uid, (name, groups) in USERS.items():
        if shell.parts.store.users.by_uid(uid) is None:
            users.add(uid, uid, {"cn": name, "mail": f"{uid}@example.com"}, groups)


def _welcome_applications(port: int, secret: str) -> None:
    click.echo(
        f"""Applications sign people in with OpenID Connect: issuer http://127.0.0.1:{port}/oidc
  client_id demo          public, redirect URI http://127.0.0.1:<any port>/callback
  client_id demo-server   the same, with client_secret {secret}
"""
    )


def _welcome(port: int, meeting_port: int, call_port: int) -> None:
    click.echo(
        f"""
The portal:                             http://127.0.0.1:{port}/
A stand-in for Jitsi:                   http://127.0.0.1:{meeting_port}/
A stand-in for an application of yours
that uses LiveKit:                      http://127.0.0.1:{call_port}/

Sign in as (password = name):
  dwho     may enter every room, as owner
  rtyler   may enter every room but tardis*, as member
  msmith   may not use Jitsi at all; LiveKit as rtyler

Try: open the stand-in for Jitsi, name a room, sign in, and look at the token. Ctrl-C ends the demo.
"""
    )
