"""Starting from the User Verification Service's environment variables alone."""

from pathlib import Path

import pytest

from issuer.settings.problems import ConfigError
from issuer.wiring import environments
from issuer.wiring.configuration import Configuration
from modules.matrix.settings import VerificationSettings
from tests.modules.matrix.stub import ADMIN_TOKEN, ROOM, Home
from tests.service import client, free_port, serving_with
from tests.upstream.authority import Authority

NEEDED = {"UVS_ACCESS_TOKEN": ADMIN_TOKEN, "UVS_HOMESERVER_URL": "https://matrix.example.com"}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def started(folder: Path, **changes: str) -> Configuration:
    environ = {**NEEDED, "ISSUER_DATA_DIR": str(folder / "data"), **changes}
    return environments.load(None, environ)


def module_of(configuration: Configuration) -> VerificationSettings:
    (instance,) = configuration.modules
    assert isinstance(instance.settings, VerificationSettings)
    return instance.settings


def problems(folder: Path, **changes: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        started(folder, **changes)
    return [str(problem) for problem in caught.value.problems]


def test_the_needed_ones(folder: Path) -> None:
    configuration = started(folder)
    settings = module_of(configuration)
    assert (settings.path, settings.at_root, settings.api_token) == ("/matrix", True, None)
    assert settings.server_names == []
    assert configuration.settings.server.bind == "127.0.0.1:3000"
    assert configuration.settings.log.level == "info"
    assert not configuration.settings.upstream.allow_private_networks
    (server,) = configuration.settings.matrix.homeservers.values()
    assert (server.url, server.api) == ("https://matrix.example.com/", "synapse-admin")
    assert server.access_token.get_secret_value() == ADMIN_TOKEN


def test_the_others(folder: Path) -> None:
    configuration = started(
        folder,
        UVS_AUTH_TOKEN="changeme",
        UVS_OPENID_VERIFY_SERVER_NAME="example.com",
        UVS_LISTEN_ADDRESS="::1",
        UVS_PORT="3001",
        UVS_LOG_LEVEL="verbose",
        UVS_DISABLE_IP_BLACKLIST="true",
    )
    settings = module_of(configuration)
    assert settings.api_token
    assert settings.api_token.get_secret_value() == "changeme"
    assert settings.server_names == ["example.com"]
    assert configuration.settings.server.bind == "[::1]:3001"
    assert configuration.settings.log.level == "debug"
    assert configuration.settings.upstream.allow_private_networks
    off = started(folder, UVS_DISABLE_IP_BLACKLIST="false")
    assert not off.settings.upstream.allow_private_networks


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("UVS_ACCESS_TOKEN", ""),
        ("UVS_HOMESERVER_URL", " "),
        ("UVS_HOMESERVER_URL", "matrix.example.com"),
        ("UVS_OPENID_VERIFY_SERVER_NAME", "https://example.com"),
        ("UVS_PORT", "http"),
        ("UVS_LISTEN_ADDRESS", "1.2.3"),
        ("UVS_LOG_LEVEL", "loud"),
    ],
)
def test_one_that_cannot_be_is_named_in_one_line(folder: Path, name: str, value: str) -> None:
    (line,) = problems(folder, **{name: value})
    assert name in line.partition(" ")[0]
    assert ADMIN_TOKEN not in line


def test_a_file_makes_them_void(folder: Path) -> None:
    file = folder / "issuer.toml"
    file.write_text('public_url = "https://auth.example.com/"\n')
    found = environments.load(file, NEEDED)
    assert found.modules == ()
    assert any("UVS_ACCESS_TOKEN is ignored" in warning for warning in found.warnings)


@pytest.mark.server
def test_the_product_starts(folder: Path, stubbed: Home, authority: Authority) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    environ = {
        "UVS_ACCESS_TOKEN": ADMIN_TOKEN,
        "UVS_HOMESERVER_URL": stubbed.url,
        "UVS_AUTH_TOKEN": "changeme",
        "UVS_OPENID_VERIFY_SERVER_NAME": stubbed.name,
        "UVS_PORT": str(port),
        "ISSUER__UPSTREAM__CA_FILE": str(authority.path),
    }
    headers = {"Authorization": "Bearer changeme"}
    with serving_with(environ, folder, url) as log:
        http = client()
        assert http.get(f"{url}/health", timeout=30).status_code == 200
        body = {"token": "alice-token", "room_id": ROOM}
        for below in ("", "/matrix"):
            refused = http.post(f"{url}{below}/verify/user_in_room", json=body, timeout=30)
            assert (refused.status_code, refused.text) == (403, "{}")
            answer = http.post(f"{url}{below}/verify/user_in_room", json=body, headers=headers, timeout=30)
            assert answer.json()["power_levels"] == {"room": {}, "user": 100}
            answer = http.post(f"{url}{below}/verify/user", json=body, headers=headers, timeout=30)
            assert answer.json() == {"results": {"user": True}, "user_id": stubbed.alice}
    text = log.read_text()
    assert text.count("api_token is a sample") == 1
    for secret in (ADMIN_TOKEN, "alice-token", "changeme"):
        assert secret not in text
