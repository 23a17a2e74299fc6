from collections.abc import Iterator
from pathlib import Path

import pytest

from issuer.backend import BackendServices
from issuer.crypto.passwords import Passwords
from issuer.settings.models import Settings
from issuer.store import Store
from issuer.upstream import Upstream
from tests.fakes import FakeClock, FakeRandomness


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def services(tmp_path: Path, clock: FakeClock) -> Iterator[BackendServices]:
    store = Store.open(f"sqlite:///{tmp_path / 'issuer.db'}", clock)
    store.migrate()
    settings = Settings(public_url="https://auth.example.com/")
    upstream = Upstream(settings.upstream, clock, settings.server.threads)
    yield BackendServices(
        settings, store, clock, FakeRandomness(), Passwords(FakeRandomness("salt")), upstream, str.upper
    )
    upstream.stop()
    store.close()
