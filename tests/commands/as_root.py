"""What a process of root runs: every command, each in a child, on a folder of the service's user.

Called with the folder, the folder of the links' targets, the `kid` of a key, and `further` for the other half
of the commands: one after the other, each file and directory of the service is replaced by a link to its
counterpart there. Prints what each command said. Servers find their port taken, once they have opened all
else.
"""

import os
import shutil
import signal
import socket
import sys
from pathlib import Path

from click.testing import CliRunner

import issuer.app
import issuer.wiring.environments
from issuer.cli import main
from issuer.commands import (
    check,
    doctor,
    init,
    issuances,
    keys,
    rule,
    second_factor,
    serve,
    sessions,
    token,
    user,
)
from modules.demo import commands as demo

SERVICE = 4242
KID = "KID"
PATIENCE = 60
"""Seconds for one command."""
COMMANDS = [
    ["check"],
    ["keys", "list"],
    ["keys", "generate", "--use", "jitsi", "--type", "ed25519"],
    ["keys", "rotate"],
    ["user", "add", "rtyler", "--password-stdin"],
    ["user", "set", "dwho", "--group", "staff"],
    ["user", "list"],
    ["sessions", "list"],
    ["issuances", "list"],
    ["second-factor", "list"],
    ["rule", "true", "--user", "dwho"],
    ["token", "jitsi", "--user", "dwho", "--room", "a"],
]
FURTHER = [
    ["doctor"],
    ["issuances", "export"],
    ["keys", "export", KID],
    ["keys", "export", KID, "--private"],
    ["keys", "retire", KID, "--even-if-last"],
    ["second-factor", "remove", "dwho"],
    ["sessions", "end", "--user", "dwho"],
    ["user", "account-hash", "dwho"],
    ["user", "passwd", "dwho", "--password-stdin"],
    ["user", "release", "dwho"],
    ["user", "remove", "dwho"],
    ["serve"],
]
BY_ITSELF = [["keys", "import"], ["init"], ["demo"]]
"""They are given a place of their own."""


def run(folder: Path, arguments: list[str]) -> None:
    """Run a command in a child, and print its output."""
    child = os.fork()
    if child == 0:
        signal.alarm(PATIENCE)
        command = ["--config", str(folder / "issuer.toml"), *arguments]
        result = CliRunner().invoke(main, command, input="bad wolf 1\n")
        print(
            " ".join(arguments[:2]), result.exit_code, repr(result.output), repr(result.exception), flush=True
        )
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0


def everything(folder: Path) -> list[Path]:
    """Return every file and directory of a folder, by its relative path."""
    return sorted(path.relative_to(folder) for path in folder.rglob("*"))


def own(folder: Path) -> None:
    """Give a folder and all that is in it to the service's user."""
    for path in (folder, *folder.rglob("*")):
        os.chown(path, SERVICE, SERVICE, follow_symlinks=False)


def as_service(folder: Path, place: Path, target: Path) -> None:
    """Replace something by a link, as the service's user."""
    child = os.fork()
    if child == 0:
        os.setgroups([])
        os.setresgid(SERVICE, SERVICE, SERVICE)
        os.setresuid(SERVICE, SERVICE, SERVICE)
        found = folder / place
        shutil.rmtree(found) if found.is_dir() else found.unlink(missing_ok=True)
        found.symlink_to(target)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0


def attack(home: Path, outside: Path, commands: list[list[str]], port: int) -> None:
    """Run commands for each link."""
    whole = home.with_name("whole")
    places = [
        *everything(whole),
        Path("data/issuer.db-wal"),
        Path("data/issuer.db-journal"),
        Path("keys/.new.tmp"),
    ]
    for place in places:
        shutil.rmtree(home, ignore_errors=True)
        shutil.copytree(whole, home)
        own(home)
        as_service(home, place, outside / place)
        print(f"== {place}", flush=True)
        for arguments in commands:
            run(home, arguments)
        as_service(home, Path("shown"), outside / "shown")
        run(home, ["demo", "--directory", str(home / "shown"), "--port", str(port)])
        link = home / "given"
        as_service(home, Path("given"), outside / "key.pem")
        run(home, ["keys", "import", str(link), "--use", "jitsi"])
        run(home, ["rule", "--test", str(link)])
        as_service(home, Path("new"), outside / "new")
        run(home, ["init", str(home / "new" / "issuer.toml"), "--module", "jitsi"])
        run(home, ["init", str(home / "new")])


if __name__ == "__main__":
    assert all((check, doctor, init, issuances, keys, rule, second_factor, serve, sessions, token, user))
    assert all((issuer.app, demo))
    folder, beyond, key, which = sys.argv[1:]
    chosen = FURTHER if which == "further" else COMMANDS
    with socket.create_server(("127.0.0.1", 0)) as held:
        taken = held.getsockname()[1]
        file = Path(folder).with_name("whole") / "issuer.toml"
        file.write_text(f'{file.read_text()}\n[server]\nbind = "127.0.0.1:{taken}"\n')
        written = [[key if word == KID else word for word in arguments] for arguments in chosen]
        attack(Path(folder), Path(beyond), written, taken)
