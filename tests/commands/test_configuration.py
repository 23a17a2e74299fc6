"""`issuer init`, `issuer check`, `issuer rule`, and what every command says of a bad configuration."""

import stat
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner

from issuer.cli import COMMANDS, Shell, main
from issuer.module import Module
from issuer.wiring.configuration import load as load_file
from issuer.wiring.plugins import MODULES, known, load
from tests.commands.shell import CONFIGURATION, Commands

SAMPLED = [name for name in known(MODULES) if load(MODULES, name, Module).in_sample]


def issuer(*arguments: str, environ: dict[str, str] | None = None) -> tuple[int, str]:
    """Run a command where there may be no configuration."""
    found = CliRunner().invoke(main, list(arguments), obj=Shell(None, environ or {}))
    assert "Traceback" not in found.output
    assert found.exception is None or isinstance(found.exception, SystemExit), found.exception
    return found.exit_code, found.output


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_init_writes_what_check_accepts(folder: Path) -> None:
    status, output = issuer("init", "--module", "jitsi", "--public-url", "https://auth.example.com/")
    assert status == 0, output
    file = folder / "issuer.toml"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert output.count(" made (jitsi, ") == 2
    found = load_file(file, {})
    assert found.warnings == ()
    assert found.settings.public_url == "https://auth.example.com/"
    (jitsi,) = found.modules
    assert len(jitsi.settings.app_secret.get_secret_value()) == 64
    assert (jitsi.settings.expiration, jitsi.settings.token_in) == (4 * 3600, "fragment")
    status, output = issuer("check")
    assert (status, output.splitlines()[-1]) == (0, "ok   configuration; modules: jitsi (jitsi at /jitsi)")
    assert not (folder / "data").exists(), "neither makes a database"


def test_init_writes_jitsis_sign_in_page_as_the_documentation_has_it(folder: Path) -> None:
    """`issuer init --module jitsi --sign-in-page` writes the client and prints what goes into Jitsi's
    config."""
    page = (Path(__file__).parents[2] / "docs" / "oidc-jitsi.md").read_text()
    url = ("--public-url", "https://auth.example.com/")
    status, output = issuer("init", "--module", "jitsi", "--sign-in-page", *url)
    assert status == 0, output
    assert output[output.index("config.tokenAuthInline") :] in page
    assert output.count(" made (oidc, ") == 2
    client = (folder / "issuer.toml").read_text().rpartition("[modules.oidc.clients.meet]")[2]
    assert client in page
    status, output = issuer("check")
    assert (status, output.splitlines()[-1]) == (
        0,
        "ok   configuration; modules: jitsi (jitsi at /jitsi), oidc (oidc at /oidc)",
    )
    assert not any(line.startswith(("warn", "BAD")) for line in output.splitlines())


def test_init_has_a_sign_in_page_for_jitsi_alone(folder: Path) -> None:
    status, output = issuer("init", "--module", "livekit", "--sign-in-page")
    assert status != 0
    assert "no module has a sign-in page of its own" in output
    assert not (folder / "issuer.toml").exists()


def test_secrets_are_fresh(folder: Path) -> None:
    for name in ("a.toml", "b.toml"):
        assert issuer("init", name, "--module", "jitsi")[0] == 0
    secrets = [load_file(folder / name, {}).modules[0].settings.app_secret for name in ("a.toml", "b.toml")]
    assert secrets[0] != secrets[1]


@pytest.mark.parametrize("enabled", [[], *([name] for name in SAMPLED), SAMPLED])
def test_whatever_is_enabled_the_sample_is_valid(folder: Path, enabled: list[str]) -> None:
    assert issuer("init", *(part for name in enabled for part in ("--module", name)))[0] == 0
    found = load_file(folder / "issuer.toml", {})
    assert sorted(instance.name for instance in found.modules) == sorted(enabled)


def test_every_option_of_the_sample_is_valid_when_it_is_not_commented_out(folder: Path) -> None:
    issuer("init", "--module", "jitsi")
    lines = (folder / "issuer.toml").read_text().splitlines()
    options = [line.removeprefix("# ") for line in lines if line.startswith("# ") and " = " in line]
    assert len(options) > 40
    for option in options:
        tomllib.loads(option)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--module", "jtsi"], "there is no module 'jtsi'; installed are: "),
        (["--public-url", "auth.example.com"], "not an http or https URL"),
        (["--public-url", 'https://a"b/'], "no quotes"),
        (["--public-url", "https://a/b"], "lives at the root of its host"),
        (["gone/issuer.toml"], "cannot write gone/issuer.toml: No such file or directory"),
    ],
)
def test_init_says_what_cannot_be(folder: Path, arguments: list[str], text: str) -> None:
    status, output = issuer("init", *arguments)
    assert status != 0
    assert text in output
    assert not (folder / "issuer.toml").exists()


def test_init_never_overwrites(folder: Path) -> None:
    (folder / "issuer.toml").write_text("precious")
    status, output = issuer("init")
    assert (status, "File exists" in output) == (1, True)
    assert (folder / "issuer.toml").read_text() == "precious"


def test_check_tells_everything_and_needs_no_database(commands: Commands, tmp_path: Path) -> None:
    output = commands.good("check")
    assert "ok   modules.jitsi: signing key" in output
    assert sorted(path.name for path in tmp_path.iterdir()) == ["issuer.toml", "keys"]
    commands.file.write_text(
        CONFIGURATION.replace('inGroup("timelords")', "inGrop(1)")
        + "[modules.two]\ntype = 'jitsi'\nserver_url = 'https://m.example'\napp_id = 'x'\n"
        + "algorithm = 'RS384'\nrule = '1 +'\npath = '/login/x'\n"
    )
    commands.shell = commands.new_shell()
    output = commands.bad("check")
    assert "modules.jitsi.rule" in output
    assert "modules.two.rule" in output


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[store]\nurl = 'mysql://root:hunter2@h/d'\n", "store.url: the store cannot be a"),
        ("[store]\nurl = 'hunter2'\n", "store.url: the store's URL cannot be read"),
        ("main_identifier = 'nofunction(uid)'\n", "main_identifier"),
        ("[modules.demo]\n", "modules.demo: is for demos only"),
    ],
)
def test_check_tells_what_building_shows(commands: Commands, text: str, problem: str) -> None:
    commands.file.write_text(text if text.startswith("main") else "")
    with commands.file.open("a") as file:
        file.write(CONFIGURATION + ("" if text.startswith("main") else text))
    commands.shell = commands.new_shell()
    for command in (["check"], ["user", "list"], ["serve"]):
        output = commands.bad(*command)
        assert problem in output
        assert "hunter2" not in output


def test_paths_of_the_portal_and_of_others_are_taken(commands: Commands) -> None:
    second = CONFIGURATION.partition("\n\n")[2].replace("modules.jitsi", "modules.two") + "type = 'jitsi'\n"
    for path in ("/login", "/static/x", "/sessions", "/.well-known/x"):
        commands.file.write_text(CONFIGURATION + f"path = '{path}'\n" + second + "path = '/logout'\n")
        commands.shell = commands.new_shell()
        output = commands.bad("check")
        if path != "/.well-known/x":
            assert f'modules.jitsi.path: "{path}" is the portal\'s: choose another' in output
            assert 'modules.two.path: "/logout" is the portal\'s' in output


def test_check_fails_when_a_check_does(commands: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    from issuer.check import Check
    from modules.jitsi import JitsiModule

    def fail() -> None:
        raise RuntimeError("the TARDIS is elsewhere")

    monkeypatch.setattr(
        JitsiModule, "checks", lambda _: [Check("travel", fail), Check("dial", fail, offline=False)]
    )
    result = commands.run("check")
    assert result.exit_code == 1
    assert (
        result.output == "BAD  modules.jitsi: travel: the TARDIS is elsewhere\nthe configuration has faults\n"
    )


def test_check_repeats_warnings(commands: Commands) -> None:
    commands.file.write_text(
        CONFIGURATION.replace("RS256", "HS256") + f"app_secret = '{'0123456789abcdef' * 4}'\n"
    )
    commands.file.chmod(0o644)
    commands.shell = commands.new_shell()
    output = commands.good("check")
    assert output.startswith(f"warn {commands.file} holds a secret and others can read it")


@pytest.mark.parametrize(
    "command", [["check"], ["serve"], ["user", "list"], ["sessions", "list"], ["keys", "list"]]
)
def test_without_a_configuration_commands_say_so(folder: Path, command: list[str]) -> None:
    status, output = issuer(*command)
    text = "there is no configuration: run `issuer init`, or name a file with --config"
    assert (status, output) == (1, f"Error: the configuration cannot be used: {text}\n")


def test_a_mistyped_command_is_told(folder: Path, commands: Commands) -> None:
    status, output = issuer("chekc", environ={"ISSUER_CONFIG": "gone.toml"})
    assert status == 1
    assert '"chekc" is no command of ours' in output
    assert "No such command 'chekc'" in commands.bad("chekc")
    assert "Usage: " in commands.good("verify", "--help"), "a command that a module brings"


def test_help_needs_no_configuration(folder: Path) -> None:
    status, output = issuer("--help")
    assert status == 0
    assert set(COMMANDS) <= set(output.split())
    for name in COMMANDS:
        assert issuer(name, "--help")[0] == 0


def test_a_data_dir_that_cannot_be_made_is_told(commands: Commands, tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")
    assert "cannot be made: File exists" in commands.bad("user", "list")


def test_a_rule_needs_no_configuration(folder: Path) -> None:
    status, output = issuer("rule", "1 == 1 && room == 'x'", "--room", "x")
    assert status == 0, output
    assert "yes" in output
    assert issuer("rule", "inGrop('x')")[0] == 1


def test_a_rule_knows_users_and_options(commands: Commands, tmp_path: Path) -> None:
    commands.good("user", "add", "dwho", "--group", "timelords", "--password-stdin", typed="correct horse\n")
    assert "yes" in commands.good("rule", 'inGroup("timelords")', "--user", "dwho")
    assert "there is no user nobody" in commands.bad("rule", "1", "--user", "nobody")
    table = tmp_path / "cases.toml"
    table.write_text('[[case]]\noption = "modules.jitsi.rule"\nuser = "dwho"\nexpect = true\n')
    assert "1 cases, 0 failed" in commands.good("rule", "--test", str(table))
    table.write_text('[[case]]\noption = "modules.jitsi.rules"\nuser = "dwho"\nexpect = true\n')
    assert "no rule or expression at modules.jitsi.rules" in commands.run("rule", "--test", str(table)).output
