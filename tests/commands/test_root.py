"""Root's commands, and the links that the service's user can plant."""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import click
import pytest
from click.testing import CliRunner

from issuer.cli import main
from issuer.settings import owner
from issuer.settings.owner import Owner, PrivilegeError, owner_of, places
from tests.commands.as_root import BY_ITSELF, COMMANDS, FURTHER
from tests.docs.pages import ROOT

CONFIGURATION = """
public_url = "https://auth.example.com/"

[modules.jitsi]
server_url = "https://meet.example.com"
app_id = "jitsi"
app_secret_file = "jitsi.secret"
"""
SENTINEL = "0u7side-of-the-service"
SERVICE = 4242


class Seen(NamedTuple):
    mode: int
    owner: tuple[int, int]
    changed: int
    read: int
    content: str


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that every user can reach."""
    assert os.geteuid() == 0, "this test plays root and the service's user: run it as root"
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def seen(folder: Path) -> dict[str, Seen]:
    """Return everything of a folder, without reading it where that shows."""
    found = {}
    for path in (folder, *sorted(folder.rglob("*"))):
        status = path.lstat()
        descriptor = os.open(path, os.O_RDONLY | os.O_NOATIME)
        names = sorted(one.name for one in path.iterdir()) if path.is_dir() else []
        data = b"" if path.is_dir() else os.read(descriptor, 10_000_000)
        os.close(descriptor)
        content = f"{names} {hashlib.sha256(data).hexdigest()}"
        read = 0 if path.is_dir() else status.st_atime_ns
        found[str(path)] = Seen(
            status.st_mode, (status.st_uid, status.st_gid), status.st_ctime_ns, read, content
        )
    return found


def test_no_command_is_left_out() -> None:
    """Whoever adds a command tries it as root, too."""
    tried = [*COMMANDS, *FURTHER, *BY_ITSELF]
    for name in leaves(main, click.Context(main)):
        assert any(words[: len(name)] == name for words in tried), name


def leaves(command: click.Command, context: click.Context, *before: str) -> Iterator[list[str]]:
    """Return the words of every command."""
    if not isinstance(command, click.Group):
        yield [*before]
        return
    for name in command.list_commands(context):
        found = command.get_command(context, name)
        assert found is not None
        yield from leaves(found, context, *before, name)


@pytest.mark.parametrize(
    "which", [pytest.param("some", marks=pytest.mark.slow), pytest.param("further", marks=pytest.mark.real)]
)
def test_no_command_of_root_leaves_the_place_of_the_service(place: Path, which: str) -> None:
    """As uid of the service, every file and directory of keys, data and configuration replaced by links:
    no command of root changes or reads anything outside.
    """
    whole, home, outside = place / "whole", place / "home", place / "outside"
    whole.mkdir()
    (whole / "issuer.toml").write_text(CONFIGURATION)
    (whole / "jitsi.secret").write_text("542822d2b9d33a2a0aa7247c752da3a88c83e20b4c9d6da0ed49f20ebaf1eb00")
    shell = ["--config", str(whole / "issuer.toml")]
    for command in (
        ["keys", "generate", "--use", "jitsi", "--type", "ed25519"],
        ["keys", "generate", "--use", "oidc", "--type", "p-256"],
        ["user", "add", "dwho", "--password-stdin"],
    ):
        ran = CliRunner().invoke(main, [*shell, *command], input="bad wolf 1\n")
        assert ran.exit_code == 0, ran.output
    _, *rows = CliRunner().invoke(main, [*shell, "keys", "list"]).output.splitlines()
    kid, *_, last = (row.split()[0] for row in rows)
    ran = CliRunner().invoke(main, [*shell, "keys", "retire", last, "--compromised", "--even-if-last"])
    assert ran.exit_code == 0, ran.output

    shutil.copytree(whole, outside)
    (outside / "issuer.toml").write_text(CONFIGURATION.replace("auth", SENTINEL))
    (outside / "jitsi.secret").write_text(SENTINEL * 2)
    (outside / "key.pem").write_text(SENTINEL)
    (outside / "new").mkdir()
    (outside / "shown").mkdir()
    for name in ("data/issuer.db-wal", "data/issuer.db-journal", "keys/.new.tmp"):
        (outside / name).touch()
    for path in outside.rglob("*"):
        path.chmod(0o700 if path.is_dir() else 0o600)
        os.utime(path, (1, 2))  # a first read would show
    outside.chmod(0o700)
    before = seen(outside)
    done = subprocess.run(
        [sys.executable, "-m", "tests.commands.as_root", str(home), str(outside), kid, which],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert seen(outside) == before
    assert SENTINEL not in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert f"{'keys rotate' if which == 'some' else 'keys export'} 0" in done.stdout
    assert "going on as the user 4242" in done.stdout
    assert not (place / "whole" / "new").exists()


@pytest.fixture
def tree(place: Path) -> Path:
    (place / "srv").mkdir()
    (place / "srv" / "data").mkdir()
    os.chown(place / "srv", SERVICE, 77)
    return place


@pytest.mark.parametrize(
    ("path", "link", "found"),
    [
        ("etc/issuer.toml", None, None),
        ("srv/issuer.toml", None, Owner(SERVICE, 77)),
        ("srv/data/issuer.db", None, Owner(SERVICE, 77)),
        ("nothing/../srv", None, None),
        ("srv/../etc", None, Owner(SERVICE, 77)),
        ("link/x", "srv/data", Owner(SERVICE, 77)),
        ("link/x", "../../../../../../../etc", None),
        ("link", "link", PrivilegeError),
    ],
)
def test_who_decides_what_a_path_means(tree: Path, path: str, link: str | None, found: object) -> None:
    if link:
        (tree / "link").symlink_to(link)
    if found is PrivilegeError:
        with pytest.raises(PrivilegeError, match="too many links"):
            owner_of(tree / path)
    else:
        assert owner_of(tree / path) == found


@pytest.mark.parametrize(
    ("mode", "group", "refused"), [(0o775, 77, True), (0o777, 0, True), (0o775, 0, False), (0o1777, 0, False)]
)
def test_a_directory_that_others_can_write_to_is_refused(
    tree: Path, mode: int, group: int, refused: bool
) -> None:
    (tree / "shared").mkdir()
    os.chown(tree / "shared", 0, group)
    (tree / "shared").chmod(mode)
    if refused:
        with pytest.raises(PrivilegeError, match="chmod go-w"):
            owner_of(tree / "shared" / "issuer.toml")
        ran = CliRunner().invoke(main, ["--config", str(tree / "shared" / "issuer.toml"), "keys", "list"])
        assert (ran.exit_code, "chmod go-w" in ran.output) == (1, True)
    else:
        assert owner_of(tree / "shared" / "issuer.toml") is None


def test_the_places_that_a_configuration_names(tmp_path: Path) -> None:
    file = tmp_path / "issuer.toml"
    file.write_text(
        """
        data_dir = "/srv/a"
        keys.directory = "k"
        store.url = "sqlite:////srv/b.db"
        modules.jitsi.app_secret_file = "s"
        modules.oidc.clients = [{ secret_file = "/srv/c" }]
        """
    )
    expected = ["/srv/a", f"{tmp_path}/k", "/srv/b.db", f"{tmp_path}/s", "/srv/c"]
    assert [str(path) for path in places(file, {})] == expected
    assert str(next(iter(places(file, {"ISSUER__DATA_DIR": "/srv/d"})))) == "/srv/d"
    file.write_text("data_dir = ")
    assert [path.name for path in places(file, {})] == ["data", "keys"]


def test_who_is_not_root_stays_who_they_are(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1)
    monkeypatch.setattr(owner, "owner_of", lambda path: Owner(SERVICE, 77))
    assert owner.become_owner_of([tmp_path]) is None
    with owner.as_owner_of(tmp_path):
        pass
