"""Starting from lk-jwt-service's environment variables alone."""

import os
import subprocess
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from issuer.cli import Shell
from issuer.settings.problems import ConfigError
from issuer.wiring import environments
from issuer.wiring.configuration import Configuration
from modules.livekit.environment import LiveKitEnvironment
from modules.livekit.settings import LiveKitSettings
from tests.service import ISSUER, answers, client, free_port, serving_with

SECRET = "q7Zr2m-Xw9Kt4bVd" * 2
NEEDED = {
    "LIVEKIT_URL": "wss://sfu.example.com",
    "LIVEKIT_KEY": "APIkey",
    "LIVEKIT_SECRET": SECRET,
    "LIVEKIT_FULL_ACCESS_HOMESERVERS": "example.com",
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def started(folder: Path, **changes: str) -> Configuration:
    environ = {**NEEDED, "ISSUER_DATA_DIR": str(folder / "data"), **changes}
    return environments.load(None, {name: value for name, value in environ.items() if value != "-"})


def module_of(configuration: Configuration) -> LiveKitSettings:
    (instance,) = configuration.modules
    assert isinstance(instance.settings, LiveKitSettings)
    return instance.settings


def problems(folder: Path, **changes: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        started(folder, **changes)
    return [str(problem) for problem in caught.value.problems]


def test_the_needed_ones(folder: Path) -> None:
    configuration = started(folder)
    settings = module_of(configuration)
    assert settings.url == "wss://sfu.example.com"
    assert (settings.api_key, settings.api_secret.get_secret_value()) == ("APIkey", SECRET)
    assert settings.full_access_homeservers == ["example.com"]
    assert (settings.path, settings.at_root) == ("/livekit", True)
    assert not settings.insecure_skip_verify_tls
    assert configuration.settings.server.bind == ":8080"
    assert configuration.settings.data_dir == folder / "data"
    assert configuration.settings.log.level == "info"
    assert configuration.warnings == ()


@pytest.mark.parametrize("name", NEEDED)
@pytest.mark.parametrize("value", ["-", ""])
def test_a_missing_one_is_named_in_one_line(folder: Path, name: str, value: str) -> None:
    (line,) = problems(folder, **{name: value})
    assert line.startswith(f"{name}: is required")


@pytest.mark.parametrize(
    ("name", "value", "homeservers"),
    [
        ("LIVEKIT_FULL_ACCESS_HOMESERVERS", "a.example, b.example  c.example:8448", 3),
        ("LIVEKIT_FULL_ACCESS_HOMESERVERS", " a.example,,b.example, ", 2),
        ("LIVEKIT_FULL_ACCESS_HOMESERVERS", "*", 1),
    ],
)
def test_lists(folder: Path, name: str, value: str, homeservers: int) -> None:
    assert len(module_of(started(folder, **{name: value})).full_access_homeservers or ()) == homeservers


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ({"LIVEKIT_JWT_BIND": ":1", "LIVEKIT_JWT_PORT": "1"}, "LIVEKIT_JWT_PORT"),
        ({"LIVEKIT_JWT_BIND": "8080"}, "LIVEKIT_JWT_BIND"),
        ({"LIVEKIT_JWT_BIND": ":65536"}, "LIVEKIT_JWT_BIND"),
        ({"LIVEKIT_JWT_PORT": "http"}, "LIVEKIT_JWT_PORT"),
        ({"LIVEKIT_URL": "sfu.example.com"}, "LIVEKIT_URL"),
        ({"LIVEKIT_KEY_FROM_FILE": "key"}, "LIVEKIT_KEY"),
        ({"LIVEKIT_SECRET_FROM_FILE": "secret"}, "LIVEKIT_SECRET"),
        ({"LIVEKIT_SECRET": "-", "LIVEKIT_SECRET_FROM_FILE": "nowhere"}, "LIVEKIT_SECRET_FROM_FILE"),
        ({"LIVEKIT_KEY_FILE": "nowhere"}, "LIVEKIT_KEY_FILE"),
        ({"LIVEKIT_KEY_FILE": "key"}, "LIVEKIT_KEY_FILE"),
        ({"LIVEKIT_KEY_FILE": "two"}, "LIVEKIT_KEY_FILE"),
        ({"LIVEKIT_FULL_ACCESS_HOMESERVERS": ", ,"}, "LIVEKIT_FULL_ACCESS_HOMESERVERS"),
        ({"LIVEKIT_FULL_ACCESS_HOMESERVERS": "*, a.example"}, "LIVEKIT_FULL_ACCESS_HOMESERVERS"),
        ({"LIVEKIT_FULL_ACCESS_HOMESERVERS": "https://a.example"}, "LIVEKIT_FULL_ACCESS_HOMESERVERS"),
        ({"LIVEKIT_SANITY_CHECK_INTERVAL_SECONDS": "-1"}, "LIVEKIT_SANITY_CHECK_INTERVAL_SECONDS"),
        ({"LIVEKIT_SANITY_CHECK_INTERVAL_SECONDS": "1.5"}, "LIVEKIT_SANITY_CHECK_INTERVAL_SECONDS"),
        ({"LIVEKIT_LOG_LEVEL": "trace"}, "LIVEKIT_LOG_LEVEL"),
        ({"LIVEKIT_REDIS_URL": "http://redis"}, "LIVEKIT_REDIS_URL"),
        ({"LIVEKIT_REDIS_PASSWORD": "x"}, "LIVEKIT_REDIS_PASSWORD"),
        (
            {"LIVEKIT_REDIS_PASSWORD": "x", "LIVEKIT_REDIS_URL": "redis://:y@redis"},
            "LIVEKIT_REDIS_PASSWORD",
        ),
        ({"LIVEKIT_CAN_UPDATE_OWN_METADATA": "yes please"}, "LIVEKIT_CAN_UPDATE_OWN_METADATA"),
        ({"LIVEKIT_AS_TOKEN": "x"}, "LIVEKIT_HS_SERVER_NAME"),
        ({"LIVEKIT_AS_TOKEN": "x", "LIVEKIT_HS_SERVER_NAME": "https://x"}, "LIVEKIT_HS_SERVER_NAME"),
        ({"LIVEKIT_CS_API_URL_OVERRIDES": "a.example"}, "LIVEKIT_CS_API_URL_OVERRIDES"),
        ({"LIVEKIT_CS_API_URL_OVERRIDES": "a.example=https://x,"}, "LIVEKIT_CS_API_URL_OVERRIDES"),
        ({"LIVEKIT_CS_API_URL_OVERRIDES": "a.example=ftp://x"}, "LIVEKIT_CS_API_URL_OVERRIDES"),
        ({"LIVEKIT_CS_API_URL_OVERRIDES": "a.b=https://x, a.b=https://y"}, "LIVEKIT_CS_API_URL_OVERRIDES"),
    ],
    ids=str,
)
def test_a_contradictory_one_is_named_in_one_line(
    folder: Path, variables: Mapping[str, str], named: str
) -> None:
    (folder / "key").write_text("APIkey\n")
    (folder / "secret").write_text(SECRET)
    (folder / "two").write_text(f"a: {SECRET}\nb: {SECRET}\n")
    (line,) = problems(folder, **variables)
    assert line.startswith(f"{named}: ")
    assert SECRET not in line


def test_files(folder: Path) -> None:
    (folder / "key").write_text(" APIother\n")
    (folder / "secret").write_text(f"{SECRET[::-1]}\n")
    (folder / "both").write_text(f"APIboth: {SECRET * 2}\n")
    files = {"LIVEKIT_KEY_FROM_FILE": "key", "LIVEKIT_SECRET_FROM_FILE": "secret"}
    settings = module_of(started(folder, **files, LIVEKIT_KEY="", LIVEKIT_SECRET=""))
    assert (settings.api_key, settings.api_secret.get_secret_value()) == ("APIother", SECRET[::-1])
    settings = module_of(started(folder, **files, LIVEKIT_KEY_FILE="both"))  # it wins over all four
    assert (settings.api_key, settings.api_secret.get_secret_value()) == ("APIboth", SECRET * 2)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("redis://redis:6379/0", "redis://:a%2F%40b@redis:6379/0"),
        ("rediss://user@redis", "rediss://user:a%2F%40b@redis"),
    ],
)
def test_a_password_of_redis(folder: Path, url: str, expected: str) -> None:
    settings = module_of(started(folder, LIVEKIT_REDIS_URL=url, LIVEKIT_REDIS_PASSWORD="a/@b"))
    assert settings.redis_url
    assert settings.redis_url.get_secret_value() == expected


def test_a_variable_that_is_not_known(folder: Path) -> None:
    given = {"LIVEKIT_AS_TOKN": "a secret", "LIVEKIT_API_KEY": "", "LIVEKIT_PORT_7880_TCP_ADDR": "10.0.0.7"}
    (warning,) = started(folder, **given).warnings
    assert warning.startswith("LIVEKIT_AS_TOKN is not known")
    assert 'did you mean "LIVEKIT_AS_TOKEN"?' in warning
    assert "a secret" not in warning


def test_what_kubernetes_makes_of_a_service(folder: Path) -> None:
    """Of one that is called `livekit-jwt`, in the same namespace."""
    links = {
        "LIVEKIT_JWT_PORT": "tcp://10.0.0.7:8080",
        "LIVEKIT_JWT_PORT_8080_TCP": "tcp://10.0.0.7:8080",
        "LIVEKIT_JWT_PORT_8080_TCP_PORT": "8080",
        "LIVEKIT_JWT_SERVICE_HOST": "10.0.0.7",
        "LIVEKIT_JWT_SERVICE_PORT": "8080",
        "LIVEKIT_JWT_SERVICE_PORT_HTTP": "8080",
    }
    configuration = started(folder, **links)
    assert configuration.settings.server.bind == ":8080"
    assert configuration.warnings == ()


@pytest.mark.parametrize(("text", "flag"), [("true", True), ("1", True), ("False", False), ("", False)])
def test_own_metadata(folder: Path, text: str, flag: bool) -> None:
    settings = module_of(started(folder, LIVEKIT_CAN_UPDATE_OWN_METADATA=text))
    assert settings.can_update_own_metadata is flag


def test_the_other_variables(folder: Path) -> None:
    configuration = started(
        folder,
        LIVEKIT_JWT_BIND="127.0.0.1:9999",
        LIVEKIT_LOG_LEVEL="warn",
        LIVEKIT_CS_API_URL_OVERRIDES="a.example = https://matrix.a.example , b.example=http://10.0.0.1:8008",
        LIVEKIT_INSECURE_SKIP_VERIFY_TLS="YES_I_KNOW_WHAT_I_AM_DOING",
        LIVEKIT_SANITY_CHECK_INTERVAL_SECONDS="0",
    )
    settings = module_of(configuration)
    assert configuration.settings.server.bind == "127.0.0.1:9999"
    assert configuration.settings.log.level == "warning"
    assert settings.cs_api_urls == {
        "a.example": "https://matrix.a.example/",
        "b.example": "http://10.0.0.1:8008/",
    }
    assert settings.insecure_skip_verify_tls
    for other in ("yes", "1", "yes_i_know_what_i_am_doing", " YES_I_KNOW_WHAT_I_AM_DOING"):
        assert not module_of(started(folder, LIVEKIT_INSECURE_SKIP_VERIFY_TLS=other)).insecure_skip_verify_tls


def test_the_deprecated_port(folder: Path) -> None:
    configuration = started(folder, LIVEKIT_JWT_PORT="9999")
    assert configuration.settings.server.bind == ":9999"
    assert [warning for warning in configuration.warnings if "LIVEKIT_JWT_PORT is deprecated" in warning]


def test_delegated_leave(folder: Path) -> None:
    assert module_of(started(folder)).sanity_check_interval is None
    settings = module_of(
        started(
            folder,
            LIVEKIT_REDIS_URL="redis://:hunter2@redis:6379/0",
            LIVEKIT_SANITY_CHECK_INTERVAL_SECONDS="60",
            LIVEKIT_AS_TOKEN="as-token-of-ours",
            LIVEKIT_HS_SERVER_NAME="example.com",
        )
    )
    assert settings.sanity_check_interval == 60.0
    assert settings.redis_url
    assert settings.redis_url.get_secret_value() == "redis://:hunter2@redis:6379/0"
    (homeserver,) = settings.homeservers
    assert (homeserver.name, homeserver.as_token.get_secret_value()) == ("example.com", "as-token-of-ours")
    assert "hunter2" not in repr(settings)
    assert "as-token-of-ours" not in repr(settings)


def test_weak_secrets_are_taken_with_one_warning(folder: Path) -> None:
    shell = Shell(None, {**NEEDED, "LIVEKIT_SECRET": "secret", "ISSUER_DATA_DIR": str(folder)})
    (module,) = shell.parts.modules.values()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        shell.parts.start()
        assert [warning for warning in module.warnings() if "api_secret is a sample" in warning]
        shell.parts.stop()


def test_data_in_a_temporary_directory_is_said(folder: Path) -> None:
    configuration = started(folder, ISSUER_DATA_DIR="-")
    (warning,) = configuration.warnings
    assert str(configuration.settings.data_dir) in warning
    assert configuration.settings.data_dir.is_dir()


def test_our_own_variables_are_laid_over(folder: Path) -> None:
    configuration = started(folder, ISSUER__SERVER__TRUSTED_PROXIES='["10.0.0.1"]')
    assert [str(network) for network in configuration.settings.server.trusted_proxies] == ["10.0.0.1/32"]


def test_the_variables_win_over_our_own(folder: Path) -> None:
    bind = {"ISSUER__SERVER__BIND": ":8080"}  # as the container image has it
    assert started(folder, **bind).settings.server.bind == ":8080"
    assert started(folder, **bind, LIVEKIT_JWT_BIND=":9999").settings.server.bind == ":9999"


def test_a_file_makes_them_void(folder: Path) -> None:
    file = folder / "issuer.toml"
    file.write_text('public_url = "https://auth.example.com/"\n')
    shell = Shell(None, {**NEEDED, "LIVEKIT_JWT_BIND": ":1"})
    assert shell.configuration.modules == ()
    text = "\n".join(shell.configuration.warnings)
    options = LiveKitEnvironment.options
    for name in (*NEEDED, "LIVEKIT_JWT_BIND"):
        assert f"{name} is ignored" in text
        assert options[name] in text


@pytest.mark.parametrize("environ", [{}, {"LIVEKIT_API_KEY": "x"}, {"LIVEKIT_URL": ""}], ids=str)
def test_without_them_nothing_starts(folder: Path, environ: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match="there is no configuration"):
        environments.load(None, environ)


@contextmanager
def serving(folder: Path, **variables: str) -> Iterator[tuple[str, Path]]:
    """`issuer serve` in an empty directory, with nothing but these variables."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with serving_with({**NEEDED, "LIVEKIT_JWT_BIND": f"127.0.0.1:{port}", **variables}, folder, url) as log:
        yield url, log


@pytest.mark.server
def test_the_product_starts(folder: Path) -> None:
    with serving(folder, LIVEKIT_SECRET="secret", LIVEKIT_FULL_ACCESS_HOMESERVERS="*") as (url, log):
        assert answers(f"{url}/readyz")
        for below in ("", "/livekit/jwt"):
            answer = client().post(f"{url}{below}/get_token", data=b"{}", timeout=30)
            assert (answer.status_code, answer.json()["errcode"]) == (400, "M_BAD_JSON")
        data = next(part for part in log.read_text().split() if part.startswith("/tmp/issuer-"))
        assert (Path(data) / "issuer.db").exists()
    text = log.read_text()
    assert text.count("api_secret is a sample") == 1
    assert "InsecureKeyLength" not in text
    assert not Path(data).exists()
    assert list(folder.iterdir()) == [log]


@pytest.mark.server
def test_the_product_says_what_is_missing(folder: Path) -> None:
    environ = {"PATH": os.environ["PATH"], "LIVEKIT_URL": "wss://x", **dict(list(NEEDED.items())[1:3])}
    process = subprocess.Popen([ISSUER, "serve"], cwd=folder, env=environ, stderr=subprocess.PIPE, text=True)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    (line,) = errors.splitlines()
    assert "LIVEKIT_FULL_ACCESS_HOMESERVERS: is required" in line
