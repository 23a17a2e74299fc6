"""What every test has, and the tiers that tests are in.

- `make check` runs what starts no other program, neither a server nor a browser; `tests/tiers.py` finds out
  by itself. What takes long all the same has the mark `slow`, and is left out too.
- `make test` runs everything but what has the mark `real`.
- `make real` runs that: long runs, second real servers, other people's clients, every page in every look.
"""

import pytest
from hypothesis import settings

from tests.once import full_cost, once
from tests.tiers import Programs, programs

__all__ = ["full_cost", "once", "programs"]

settings.register_profile("issuer", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("issuer")


def pytest_configure(config: pytest.Config) -> None:
    """Watch who starts programs."""
    config.pluginmanager.register(Programs())
