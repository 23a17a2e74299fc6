"""`issuer rule` as an operator runs it, with a configuration and a store."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from issuer.cli import main

CONFIGURATION = """
public_url = "https://auth.example.com/"

[modules.jitsi]
server_url = "https://meet.example.com"
app_id = "jitsi"
app_secret = "542822d2b9d33a2a0aa7247c752da3a88c83e20b4c9d6da0ed49f20ebaf1eb00"
rule = 'inGroup("staff")'
features = { recording = 'inGroup("board")' }

[[modules.jitsi.rooms]]
match = "board-*"
rule = 'inGroup("board")'
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "issuer.toml").write_text(CONFIGURATION)
    return tmp_path


def run(folder: Path, *arguments: str, given: str = "") -> Result:
    command = ["--config", str(folder / "issuer.toml"), *arguments]
    return CliRunner().invoke(main, command, input=given)


def test_a_rule_is_tried_for_a_user_of_the_store(folder: Path) -> None:
    added = run(folder, "user", "add", "rtyler", "--group", "staff", "--password-stdin", given="bad wolf 1\n")
    assert added.exit_code == 0, added.output
    tried = run(folder, "rule", 'inGroup("staff")', "--user", "rtyler")
    assert tried.output.splitlines()[-1] == "as a rule: yes, because the rule says yes"


def test_a_rule_without_a_person_needs_no_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert CliRunner().invoke(main, ["rule", "1 == 1"]).exit_code == 0


@pytest.mark.parametrize(
    ("option", "allowed"),
    [
        ("modules.jitsi.rule", "true"),
        ("modules.jitsi.rooms.0.rule", "false"),
        ("modules.jitsi.features.recording", "false"),
    ],
)
def test_a_case_takes_its_text_from_the_configuration(folder: Path, option: str, allowed: str) -> None:
    case = f'[[case]]\nname = "a"\noption = "{option}"\nuser = {{ groups = ["staff"] }}\nexpect = {allowed}\n'
    (folder / "cases.toml").write_text(case)
    assert run(folder, "rule", "--test", str(folder / "cases.toml")).exit_code == 0


@pytest.mark.parametrize("option", ["modules.none.rule", "modules.jitsi.rooms.7.rule", "nosuch", "sessions"])
def test_a_case_that_names_no_option_is_told_so(folder: Path, option: str) -> None:
    case = f'[[case]]\nname = "a"\noption = "{option}"\nuser = {{}}\nexpect = true\n'
    (folder / "cases.toml").write_text(case)
    ran = run(folder, "rule", "--test", str(folder / "cases.toml"))
    assert (ran.exit_code, option in ran.output) == (1, True)
