"""`issuer demo`: a gateway to try out, with users, a key and a meeting page, on loopback only."""

import os
import sys
from pathlib import Path

import click

from issuer.backends.local import LocalUsers
from issuer.cli import Shell
from issuer.commands.init import make_keys
from issuer.commands.serve import run

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
def demo(directory: Path, port: int, meeting_port: int) -> None:
    """Serve a demo on loopback; what it needs is made in a directory, and kept there."""
    file = directory / "issuer.toml"
    directory.mkdir(parents=True, exist_ok=True)
    if not file.exists():
        file.write_text(CONFIGURATION)
    shell = Shell(str(file), _environment(port, meeting_port))
    make_keys(shell.key_directory(), "jitsi", shell.clock)
    _add_users(shell)
    _welcome(port, meeting_port)
    sys.exit(run(shell))


def _environment(port: int, meeting_port: int) -> dict[str, str]:
    foreign = {name: value for name, value in os.environ.items() if not name.startswith("ISSUER__")}
    return foreign | {
        "ISSUER__PUBLIC_URL": f"http://127.0.0.1:{port}/",
        "ISSUER__SERVER__BIND": f"127.0.0.1:{port}",
        "ISSUER__MODULES__JITSI__SERVER_URL": f"http://127.0.0.1:{meeting_port}",
        "ISSUER__MODULES__DEMO__MEETING_BIND": f"127.0.0.1:{meeting_port}",
    }


def _add_users(shell: Shell) -> None:
    users = LocalUsers(shell.parts.services, shortest_password=1)
    for uid, (name, groups) in USERS.items():
        if shell.parts.store.users.by_uid(uid) is None:
            users.add(uid, uid, {"cn": name, "mail": f"{uid}@example.com"}, groups)


def _welcome(port: int, meeting_port: int) -> None:
    click.echo(
        f"""
The portal:            http://127.0.0.1:{port}/
A stand-in for Jitsi:  http://127.0.0.1:{meeting_port}/

Sign in as (password = name):
  dwho     may enter every room, as owner
  rtyler   may enter every room but tardis*, as member
  msmith   may not use Jitsi at all

Try: open the stand-in for Jitsi, name a room, sign in, and look at the token. Ctrl-C ends the demo.
"""
    )
