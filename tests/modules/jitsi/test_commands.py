"""`issuer token` and `issuer verify`, as an operator calls them."""

import shutil
import sqlite3
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from issuer.cli import main
from tests.gateway import Templates
from tests.modules.jitsi.meetings import SECRET

CONFIGURATION = f"""\
public_url = "https://auth.example.com/"

[modules.jitsi]
server_url = "https://meet.example.com"
app_id = "jitsi"
algorithm = "RS256"
rule = 'room != "board"'

[modules.school]
type = "jitsi"
server_url = "https://school.example.com"
app_id = "school"
app_secret = "{SECRET}"
"""


class Shell:
    """A folder with a configuration, and the command in it."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "issuer.toml"
        self.file.write_text(CONFIGURATION)

    def run(self, *arguments: str, given: str | None = None) -> Result:
        return CliRunner().invoke(main, ["--config", str(self.file), *arguments], input=given)

    def token(self, *arguments: str, name: str = "jitsi") -> str:
        done = self.run("token", name, "--user", "dwho", *arguments)
        assert done.exit_code == 0, done.output
        return done.output.strip()


@pytest.fixture
def shell(tmp_path: Path, gateway_templates: Templates) -> Shell:
    shutil.copytree(gateway_templates.keys / "jitsi", tmp_path / "keys")
    shell = Shell(tmp_path)
    added = shell.run("user", "add", "dwho", "--password-stdin", given="correct horse\n")
    assert added.exit_code == 0, added.output
    return shell


def test_a_token_from_the_shell_is_what_jitsi_takes(shell: Shell) -> None:
    for name in ("jitsi", "school"):
        token = shell.token("--room", "My Room", name=name)
        assert token.count(".") == 2
        for given in (token, "-"):
            done = shell.run("verify", given, "--instance", name, "--room", "MY Room", given=token)
            assert done.exit_code == 0, done.output
            assert "BAD" not in done.output
            assert 'opens "my%20room"' in done.output


def test_verify_explains_what_is_wrong(shell: Shell) -> None:
    token = shell.token("--room", "x", "--tenant", "Acme")
    other = shell.run("verify", token, "--room", "y")
    assert other.exit_code == 1
    assert 'BAD  room: opens "x", not "y"' in other.output
    done = shell.run("verify", token, "--instance", "school")
    assert done.exit_code == 1
    assert "BAD  alg" in done.output
    assert "BAD  aud" in done.output
    altered = shell.run("verify", token[:-8] + "AAAAAAAA")
    assert altered.exit_code == 1
    assert "BAD  signature: made with another key, or altered" in altered.output
    assert shell.run("verify", "junk").exit_code == 1
    assert '"x" is not a Jitsi instance' in shell.run("verify", token, "--instance", "x").output
    assert shell.run("verify", token, "--room", "*").exit_code == 1


def test_rules_hold_in_the_shell_too(shell: Shell) -> None:
    for arguments in (["--room", "Board"], ["--room", "*"], ["--room", "x", "--tenant", "a.b"], []):
        done = shell.run("token", "jitsi", "--user", "dwho", *arguments)
        assert done.exit_code == 1
        assert "eyJ" not in done.output
        assert done.output.startswith("Error: ")
    assert shell.run("token", "jitsi", "--user", "nobody", "--room", "x").exit_code == 1
    assert "enabled are: jitsi, school" in shell.run("token", "x", "--user", "dwho", "--room", "x").output


def test_a_token_from_the_shell_is_recorded(shell: Shell) -> None:
    shell.token("--room", "My Room")
    with sqlite3.connect(shell.file.parent / "data/issuer.db") as database:
        rows = database.execute("SELECT uid, instance, room, address FROM issuances").fetchall()
    database.close()
    assert rows == [("dwho", "jitsi", "my room", None)]


def test_check_says_what_jitsi_must_be_told(shell: Shell) -> None:
    """`TOKEN_AUTH_URL` with `{state}` everywhere, `issuer check`'s hint too."""
    done = shell.run("check")
    assert done.exit_code == 0, done.output
    assert (
        "note jitsi: Jitsi's TOKEN_AUTH_URL is"
        " https://auth.example.com/jitsi/login?room={room}&state={state}\n" in done.output
    )
    assert "https://auth.example.com/school/login?room={room}&state={state}\n" in done.output


def test_check_and_verify_name_the_right_feature(shell: Shell) -> None:
    with shell.file.open("a") as file:
        file.write('\n[modules.jitsi.features]\noutbound_call = "1"\n')
    done = shell.run("check")
    assert done.exit_code == 0, done.output
    assert "warn modules.jitsi: features.outbound_call: " in done.output
    assert 'did you mean "outbound-call"?' in done.output
    verdict = shell.run("verify", shell.token("--room", "x"), "--room", "x")
    assert verdict.exit_code == 1
    assert 'did you mean "outbound-call"?' in verdict.output
