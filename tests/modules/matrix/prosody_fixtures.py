"""A Prosody between clients and the verification API, for all tests of a process."""

from collections.abc import Iterator

import pytest

from tests.modules.matrix.prosody import API_TOKEN, Prosody
from tests.modules.matrix.stub import ADMIN_TOKEN, Home
from tests.service import free_port, serving_with
from tests.upstream.authority import Authority
from tests.upstream.stub import Stub


@pytest.fixture(scope="session")
def prosody_home(authority: Authority) -> Iterator[Home]:
    """Alice moderates the room, bob is a member, mallory is none."""
    server = Home(authority)
    server.levels = {"users": {server.alice: 50}}
    for name in ("bob", "mallory"):
        server.tokens[f"{name}-token"] = f"@{name}:{server.name}"
    server.members.append(f"@bob:{server.name}")
    yield server
    server.close()


@pytest.fixture(scope="session")
def prosody_api(
    prosody_home: Home, tmp_path_factory: pytest.TempPathFactory, authority: Authority, programs: None
) -> Iterator[str]:
    """The verification API as operators run it."""
    port = free_port()
    environ = {
        "UVS_ACCESS_TOKEN": ADMIN_TOKEN,
        "UVS_HOMESERVER_URL": prosody_home.url,
        "UVS_AUTH_TOKEN": API_TOKEN,
        "UVS_OPENID_VERIFY_SERVER_NAME": prosody_home.name,
        "UVS_PORT": str(port),
        "ISSUER__SERVER__WORKERS": "1",
        "ISSUER__UPSTREAM__CA_FILE": str(authority.path),
    }
    url = f"http://127.0.0.1:{port}"
    with serving_with(environ, tmp_path_factory.mktemp("api"), url):
        yield url


@pytest.fixture(scope="session")
def told() -> Iterator[Stub]:
    """A verification API that answers as it is told."""
    server = Stub()
    yield server
    server.close()


@pytest.fixture(scope="session")
def prosody_server(
    prosody_api: str, told: Stub, tmp_path_factory: pytest.TempPathFactory, programs: None
) -> Iterator[Prosody]:
    server = Prosody(tmp_path_factory.mktemp("prosody"), prosody_api, f"http://127.0.0.1:{told.port}")
    yield server
    server.stop()


@pytest.fixture
def prosody(prosody_server: Prosody) -> Iterator[Prosody]:
    """The server, with empty rooms."""
    yield prosody_server
    prosody_server.close_connections()
