from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.commands.shell import Commands


@pytest.fixture
def commands(tmp_path: Path) -> Iterator[Commands]:
    found = Commands(tmp_path)
    yield found
    found.close()
