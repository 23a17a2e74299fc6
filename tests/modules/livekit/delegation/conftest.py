"""Workers that run jobs."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.gateway import Templates
from tests.modules.livekit.delegation.homeserver import DelayingHomeserver
from tests.modules.livekit.delegation.house import Worker
from tests.modules.livekit.sfu import Sfu
from tests.postgresql import DATABASES, PostgreSQL
from tests.upstream.authority import Authority

BuildWorker = Callable[..., Worker]


@pytest.fixture
def homeserver(authority: Authority) -> Iterator[DelayingHomeserver]:
    server = DelayingHomeserver(authority)
    yield server
    server.close()


@pytest.fixture
def store_url(tmp_path: Path, gateway_templates: Templates) -> str:
    shutil.copy(gateway_templates.database, tmp_path / "issuer.db")
    return f"sqlite:///{tmp_path / 'issuer.db'}"


@pytest.fixture(params=DATABASES)
def any_store_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'issuer.db'}"
        return
    server: PostgreSQL = request.getfixturevalue("postgresql")
    name = server.create_database()
    yield server.url(name)
    server.drop_database(name)


@pytest.fixture
def build_worker(
    store_url: str, homeserver: DelayingHomeserver, sfu: Sfu, authority: Authority
) -> Iterator[BuildWorker]:
    """Builds workers on one store, not started: `build_worker(redis_url=...)`."""
    built: list[Worker] = []

    def build(url: str = store_url, **changes: Any) -> Worker:
        built.append(Worker(url, homeserver, sfu, authority, **changes))
        return built[-1]

    yield build
    for worker in built:
        worker.stop()


@pytest.fixture
def worker(build_worker: BuildWorker) -> Worker:
    return build_worker().start()
