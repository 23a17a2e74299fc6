"""What every test may ask for, and the tiers that tests are in.

Servers stand here and not in the folders that use them: so each is started once for all tests of a process.

- `make check` runs what starts no other program, neither a server nor a browser; `tests/tiers.py` finds out
  by itself. What takes long all the same has the mark `slow`, and is left out too.
- `make test` runs everything but what has the mark `real`.
- `make real` runs that: long runs, second real servers, other people's clients, every page in every look.
"""

import pytest
from hypothesis import settings

from tests.faults.proxy import proxy
from tests.gateway import build_gateway, gateway_templates
from tests.node import node
from tests.once import full_cost, once
from tests.openid.fixtures import provider
from tests.openldap.server import openldap
from tests.postgresql import postgresql
from tests.redis import redis
from tests.synapse import synapse
from tests.tiers import Programs, programs
from tests.upstream.fixtures import authority
from tests.wheel import wheel

__all__ = [
    "authority",
    "build_gateway",
    "full_cost",
    "gateway_templates",
    "node",
    "once",
    "openldap",
    "postgresql",
    "programs",
    "provider",
    "proxy",
    "redis",
    "synapse",
    "wheel",
]

settings.register_profile("issuer", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("issuer")


def pytest_configure(config: pytest.Config) -> None:
    """Watch who starts programs."""
    config.pluginmanager.register(Programs())
