"""What a process of root runs: every command, each in a child, on a folder of the service's user.

Called with the folder, and with the folder of the links' targets: one after the other, each file and
directory of the service is replaced by a link to its counterpart there. Prints what each command said.
"""

import os
import shutil
import sys
from pathlib import Path

from click.testing import CliRunner

import issuer.app
import issuer.wiring.environments
from issuer.cli import main
from issuer.commands import check, init, issuances, keys, rule, second_factor, sessions, token, user

SERVICE = 4242
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


def run(folder: Path, arguments: list[str]) -> None:
    """Run a command in a child, and print its output."""
    child = os.fork()
    if child == 0:
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


def attack(home: Path, outside: Path) -> None:
    """Run all commands for each link."""
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
        for arguments in COMMANDS:
            run(home, arguments)
        link = home / "given"
        as_service(home, Path("given"), outside / "key.pem")
        run(home, ["keys", "import", str(link), "--use", "jitsi"])
        run(home, ["rule", "--test", str(link)])
        as_service(home, Path("new"), outside / "new")
        run(home, ["init", str(home / "new" / "issuer.toml"), "--module", "jitsi"])
        run(home, ["init", str(home / "new")])


if __name__ == "__main__":
    assert all((check, init, issuances, keys, rule, second_factor, sessions, token, user, issuer.app))
    attack(Path(sys.argv[1]), Path(sys.argv[2]))
