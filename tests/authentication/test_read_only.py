"""While nothing can be written, pages that only read are shown."""

import sqlite3
from collections.abc import Iterator

import pytest

from issuer.testing import LocalGateway
from tests.authentication.conftest import JITSI
from tests.authentication.factors.people import KEY
from tests.gateway import BuildGateway

PAGES = ("/", "/sessions", "/logout", "/second-factor", "/oidc/applications")
IDLE = 7200


@pytest.fixture
def gateway(build_gateway: BuildGateway) -> LocalGateway:
    data = {
        "modules": {"jitsi": JITSI, "oidc": {}},
        "second_factor": {"key": KEY},
        "store": {"longest_wait": 1},
    }
    return build_gateway(data, {"dwho": ("users",)}, keys=("jitsi", "oidc"))


@pytest.fixture
def locked(gateway: LocalGateway) -> Iterator[sqlite3.Connection]:
    shell = sqlite3.connect(str(gateway.parts.store.database.engine.url.database), isolation_level=None)
    yield shell
    shell.close()


def test_pages_that_only_read_are_shown(gateway: LocalGateway, locked: sqlite3.Connection) -> None:
    client = gateway.sign_in("dwho")
    before = {path: client.get(path).status_code for path in PAGES}
    assert set(before.values()) == {200}
    gateway.clock.advance(IDLE / 2)
    locked.execute("BEGIN IMMEDIATE")
    assert {path: client.get(path).status_code for path in PAGES} == before
    assert gateway.client().get("/login").status_code == 200
    assert client.get("/jitsi/login?room=x").status_code == 503
    locked.execute("ROLLBACK")
