"""What the tests of the pages share."""

from pathlib import Path

import pytest

from tests.docs.configurations import make_key


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key ring with a key for Jitsi."""
    return make_key(tmp_path_factory.mktemp("keys") / "ring")
