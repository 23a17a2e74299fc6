"""For those who write modules and login backends: contracts as test classes, and a gateway to test in.

Subclass `ModuleContract` or `BackendContract` in a test file, name the type, and pytest runs the whole
contract; `open_gateway` is for tests of your own. Needs pytest. docs/modules.md shows it at work.
"""

import pytest

pytest.register_assert_rewrite("issuer.testing.backends", "issuer.testing.modules")

from issuer.testing.backends import BackendContract  # noqa: E402 - after asserts are rewritten
from issuer.testing.fakes import FakeClock, FakeRandomness  # noqa: E402
from issuer.testing.gateway import PUBLIC_URL, VISITOR, LocalGateway, open_gateway  # noqa: E402
from issuer.testing.modules import ModuleContract  # noqa: E402
from issuer.testing.routes import PERSON, Ask, tokens_in  # noqa: E402
from issuer.testing.samples import sample  # noqa: E402

__all__ = [
    "PERSON",
    "PUBLIC_URL",
    "VISITOR",
    "Ask",
    "BackendContract",
    "FakeClock",
    "FakeRandomness",
    "LocalGateway",
    "ModuleContract",
    "open_gateway",
    "sample",
    "tokens_in",
]
