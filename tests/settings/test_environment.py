"""Options from environment variables: they beat the file, and an unknown one is an error."""

from pathlib import Path

import pytest

from issuer.settings.problems import ConfigError
from issuer.wiring.configuration import DEFAULT_FILE, find_file, load
from issuer.wiring.plugins import MODULES, known
from tests.settings.reading import JITSI, SECRET, URL, problems, read

INSTALLED = ", ".join(known(MODULES))
LIST = 'must be a list, as in ["one", "two"] (in a variable: JSON)'
NETWORK = "not an address or network: write 192.0.2.7 or 2001:db8::/32"


def app_secret(folder: Path, text: str, environ: dict[str, str]) -> str:
    (instance,) = read(folder, text, environ).modules
    return str(instance.settings.app_secret.get_secret_value())


def test_the_environment_beats_the_file(tmp_path: Path) -> None:
    environ = {
        "ISSUER__PUBLIC_URL": "https://other.example.com/",
        "ISSUER__SERVER__WORKERS": "3",
        "ISSUER__PORTAL__DEMO": "true",
        "ISSUER__SESSIONS__IDLE_TIMEOUT": "5m",
        "OTHER__SERVER__THREADS": "7",
    }
    settings = read(tmp_path, URL + "[server]\nworkers = 2\nthreads = 5\n", environ).settings
    assert settings.public_url == "https://other.example.com/"
    assert (settings.server.workers, settings.server.threads) == (3, 5)
    assert settings.portal.demo is True
    assert settings.sessions.idle_timeout == 300


def test_lists_and_tables_are_json(tmp_path: Path) -> None:
    environ = {
        "ISSUER__SERVER__TRUSTED_PROXIES": '["10.0.0.0/8", "2001:db8::7"]',
        "ISSUER__MODULES__JITSI__ROOMS": '[{"match": "board-*", "rule": "0"}]',
        "ISSUER__MODULES__JITSI__FEATURES": '{"recording": "1"}',
        "ISSUER__MODULES__JITSI__USER": '{"name": "uid"}',
        "ISSUER__MODULES__JITSI__APP_SECRET": SECRET,
        "ISSUER__LOG": '{"level": "error"}',
    }
    found = read(tmp_path, URL + JITSI + "user.email = 'cn'\nfeatures.transcription = '1'\n", environ)
    proxies = [str(network) for network in found.settings.server.trusted_proxies]
    assert proxies == ["10.0.0.0/8", "2001:db8::7/128"]
    assert found.settings.log.level == "error"
    jitsi = found.modules[0].settings
    assert [room.match for room in jitsi.rooms] == ["board-*"]
    assert jitsi.features == {"recording": "1"}
    assert (jitsi.user.name, jitsi.user.email) == ("uid", "mail"), "the variable replaces the whole table"


def test_everything_can_come_from_the_environment() -> None:
    section = '{"server_url": "https://meet.example.com", "app_id": "x", "algorithm": "RS256"}'
    environ = {"ISSUER__PUBLIC_URL": "https://a.example/"}
    for name, value in {
        "ISSUER__MODULES__JITSI": section,
        "ISSUER__MODULES": f'{{"jitsi": {section}}}',
    }.items():
        (instance,) = load(None, environ | {name: value}).modules
        assert instance.settings.algorithm == "RS256"


@pytest.mark.parametrize("text", ['["a"]', '{"a": 1}', "[", "{", "[1, 2"])
def test_text_that_looks_like_json_stays_text_where_text_belongs(tmp_path: Path, text: str) -> None:
    secret = text.ljust(40, "x") if text in "[{" else text + " " * 3 + "]" * 20 + SECRET
    rule = "[1, 2].exists(n, n == 1)"
    environ = {"ISSUER__MODULES__JITSI__APP_SECRET": secret, "ISSUER__MODULES__JITSI__RULE": rule}
    environ["ISSUER__MODULES__JITSI__ALLOW_WEAK_SECRET"] = "yes"
    environ["ISSUER__PORTAL__NAME"] = text
    assert app_secret(tmp_path, URL + JITSI, environ) == secret
    found = read(tmp_path, URL + JITSI, environ)
    assert found.modules[0].settings.rule == rule
    assert found.settings.portal.name == text


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("SERVER__BND", ":1", '(server.bnd): unknown option; did you mean "bind"?'),
        ("SERVR__BIND", ":1", '(servr): unknown option; did you mean "server"?'),
        ("PUBLICURL", "x", '(publicurl): unknown option; did you mean "public_url"?'),
        ("MODULES__JITSI__USER__NME", "x", '(modules.jitsi.user.nme): unknown option; did you mean "name"?'),
        (
            "MODULES__JTSI__APP_ID",
            "x",
            f'(modules.jtsi): there is no type "jtsi"; installed are: {INSTALLED}',
        ),
        ("SERVER__TRUSTED_PROXIES", "10.0.0.0/8", f"(server.trusted_proxies): {LIST} (given: '10.0.0.0/8')"),
        ("SERVER__TRUSTED_PROXIES", '["x"]', f"(server.trusted_proxies.0): {NETWORK} (given: 'x')"),
    ],
)
def test_a_mistake_names_the_variable(tmp_path: Path, name: str, value: str, problem: str) -> None:
    text = URL + JITSI + f"app_secret = '{SECRET}'\n"
    assert problems(tmp_path, text, {f"ISSUER__{name}": value}) == [f"ISSUER__{name} {problem}"]


@pytest.mark.parametrize(
    ("environ", "problem"),
    [
        (
            {"ISSUER__SERVER__WORKERS__0": "1"},
            "ISSUER__SERVER__WORKERS__0: contradicts the file, where server.workers is no table",
        ),
        (
            {"ISSUER__SERVER": "{}", "ISSUER__SERVER__BIND": ":1"},
            "ISSUER__SERVER__BIND: contradicts ISSUER__SERVER, which sets the whole section",
        ),
        (
            {"ISSUER__SERVER__BIND": ":1", "ISSUER__server__bind": ":2"},
            "ISSUER__server__bind: is the same as ISSUER__SERVER__BIND: keep one",
        ),
    ],
)
def test_variables_do_not_contradict_anything(tmp_path: Path, environ: dict[str, str], problem: str) -> None:
    assert problems(tmp_path, URL + "[server]\nworkers = 1\n", environ) == [problem]


@pytest.mark.parametrize(
    "form", [f"app_secret = '{'f' * 40}'", "app_secret_file = 'gone'", "app_secret_env = 'GONE'"]
)
@pytest.mark.parametrize("source", ["", "_FILE", "_ENV"])
def test_a_secret_from_the_environment_beats_every_form_in_the_file(
    tmp_path: Path, form: str, source: str
) -> None:
    (tmp_path / "secret").write_text(SECRET)
    values = {"": SECRET, "_FILE": "secret", "_ENV": "ELSEWHERE"}
    environ = {f"ISSUER__MODULES__JITSI__APP_SECRET{source}": values[source], "ELSEWHERE": SECRET}
    assert app_secret(tmp_path, URL + JITSI + form + "\n", environ) == SECRET


def test_a_secret_comes_from_one_variable_only(tmp_path: Path) -> None:
    environ = {"ISSUER__MODULES__JITSI__APP_SECRET": SECRET, "ISSUER__MODULES__JITSI__APP_SECRET_FILE": "x"}
    (told,) = problems(tmp_path, URL + JITSI, environ)
    assert "is given 2 times (app_secret, app_secret_file): keep exactly one" in told


def test_nothing_at_all_is_told() -> None:
    with pytest.raises(ConfigError, match="there is no configuration: run `issuer init`"):
        load(None, {})


def test_the_file_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_file(None, {}) is None
    DEFAULT_FILE.touch()
    assert find_file(None, {}) == DEFAULT_FILE
    assert find_file(None, {"ISSUER_CONFIG": "b.toml"}) == Path("b.toml")
    assert find_file("a.toml", {"ISSUER_CONFIG": "b.toml"}) == Path("a.toml")


@pytest.mark.parametrize("place", ["gone.toml", ""])
def test_a_named_file_that_is_not_there_is_told(tmp_path: Path, place: str) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load(tmp_path / place, {"ISSUER__PUBLIC_URL": "https://a.example/"})
