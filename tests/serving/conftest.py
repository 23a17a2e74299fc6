from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.serving.harness import Server, running


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log"


@pytest.fixture
def server(log: Path, programs: None) -> Iterator[Server]:
    with running(log) as started:
        yield started
