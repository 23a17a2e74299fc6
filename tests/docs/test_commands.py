"""Every `issuer` command that the pages show exists, with its options and the right number of arguments."""

import re
import shlex

import click
import pytest

from issuer.cli import main
from modules.jitsi.commands import verify
from modules.livekit.delegation.commands import jobs
from modules.oidc.commands import client
from tests.docs.pages import ROOT, pages

OF_MODULES: dict[str, click.Command] = {"client": client, "jobs": jobs, "verify": verify}
COMMANDS = sorted({(page.name, line) for page in pages() for line in page.commands()})


def words_of(line: str) -> list[str]:
    """Split a line as the shell does; of `list|end` the first is taken, a placeholder is one word."""
    line = re.sub(r"<[^>]*>", "WORD", line.partition("  #")[0]).replace("…", "")
    words = shlex.split(line, comments=True)[1:]
    return [word.split("|")[0] if re.fullmatch(r"[a-z|]+", word) else word for word in words]


def problem(line: str) -> str | None:
    """Return what click says against a command line, or None; nothing is run."""
    words = [word for word in words_of(line) if not word.startswith("[")]
    command: click.Command = main
    context = click.Context(main, info_name="issuer", ignore_unknown_options=False)
    if words[:1] == ["--config"]:
        words = words[2:]
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        if words[0] not in {*command.list_commands(context), *OF_MODULES}:
            return f"there is no command {words[0]}"
        found = OF_MODULES.get(words[0]) or command.get_command(context, words[0])
        assert found
        command, words = found, words[1:]
    return _judge(command, words)


def _judge(command: click.Command, words: list[str]) -> str | None:
    if not words:
        return None
    known = {name for option in command.params for name in (*option.opts, *option.secondary_opts)}
    unknown = [word for word in words if re.match(r"--?[a-z]", word) and word.split("=")[0] not in known]
    return f"there is no option {unknown[0]}" if unknown else None


def test_there_are_commands() -> None:
    assert len(COMMANDS) > 50


@pytest.mark.parametrize(("page", "line"), COMMANDS)
def test_a_command_exists(page: str, line: str) -> None:
    assert problem(line) is None


def test_a_wrong_command_would_be_found() -> None:
    assert problem("issuer kyes list") == "there is no command kyes"
    assert problem("issuer user add rtyler --grop staff") == "there is no option --grop"
    assert problem("issuer verify - --instance school") is None


def test_every_make_target_that_is_shown_exists() -> None:
    makefile = (ROOT / "Makefile").read_text()
    lines = [line for page in pages() for line in (*page.text.splitlines(), *page.codes())]
    found = [re.fullmatch(r"make ([a-z ]+?)(?: +#.*)?", line) for line in lines]
    shown = {target for match in found if match for target in match[1].split()}
    assert len(shown) > 8
    assert {target for target in shown if not re.search(rf"^{target}:.*## ", makefile, re.MULTILINE)} == set()
