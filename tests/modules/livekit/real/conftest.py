"""A call: the product, a real SFU, a real homeserver."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.modules.livekit.real.house import House
from tests.synapse import Synapse, User
from tests.upstream.authority import Authority


@pytest.fixture(scope="module")
def anna(synapse: Synapse, request: pytest.FixtureRequest) -> User:
    return synapse.register(request.module.__name__.rpartition(".")[2])


@pytest.fixture
def house(tmp_path: Path, synapse: Synapse, authority: Authority, programs: None) -> Iterator[House]:
    house = House(tmp_path, synapse, authority)
    house.start()
    yield house
    house.stop()
