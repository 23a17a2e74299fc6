"""Runs `issuer` as a shell does, on a configuration of its own."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from click.testing import CliRunner, Result

from issuer.cli import Shell, main
from issuer.commands.init import make_keys
from tests.fakes import FakeClock

CONFIGURATION = """\
public_url = "https://auth.example.com/"

[modules.jitsi]
server_url = "https://meet.example.com"
app_id = "jitsi"
algorithm = "RS256"
rule = 'inGroup("timelords")'
"""


class Commands:
    """A folder with a configuration and a key, and the command line in it."""

    def __init__(self, folder: Path, text: str = CONFIGURATION) -> None:
        self.file = folder / "issuer.toml"
        self.file.write_text(text)
        self.file.chmod(0o600)
        self.clock = FakeClock()
        (folder / "keys").mkdir(mode=0o700)
        for name, content in _keys():
            (folder / "keys" / name).touch(mode=0o600)
            (folder / "keys" / name).write_bytes(content)
        self.shell = self.new_shell()

    def new_shell(self, environ: Mapping[str, str] | None = None) -> Shell:
        """Return what a command that starts now has."""
        shell = Shell(str(self.file), environ or {})
        shell.clock = self.clock
        return shell

    def run(self, *arguments: str, typed: str | None = None, shell: Shell | None = None) -> Result:
        return CliRunner().invoke(main, list(arguments), input=typed, obj=shell or self.shell)

    def good(self, *arguments: str, typed: str | None = None) -> str:
        """Run a command that must succeed; return its output."""
        result = self.run(*arguments, typed=typed)
        assert result.exit_code == 0, result.output
        return result.output

    def bad(self, *arguments: str, typed: str | None = None) -> str:
        """Run a command that must fail, in its own words; return what it says."""
        result = self.run(*arguments, typed=typed)
        assert result.exit_code in {1, 2}, result.output
        assert "Traceback" not in result.output
        assert isinstance(result.exception, SystemExit)
        return result.output

    def close(self) -> None:
        """Close the store, when a command opened it."""
        if "app" in self.shell.__dict__:
            self.shell.parts.store.close()


@cache
def _keys() -> list[tuple[str, bytes]]:
    """Return the files of a key and its successor: making them takes a while."""
    with TemporaryDirectory() as folder:
        make_keys(Path(folder), "jitsi", FakeClock())
        return [(file.name, file.read_bytes()) for file in Path(folder).iterdir()]
