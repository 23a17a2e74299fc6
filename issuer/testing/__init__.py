"""For those who write modules and login backends: contracts as test classes, and a gateway to test in.

Subclass `ModuleContract`, or the contract of a kind of login backend (`FormContract`, `RedirectContract`,
`AmbientContract`), in a test file, name the type, and pytest runs the whole contract; `open_gateway` is for
tests of your own. Needs pytest. docs/modules.md and docs/writing-backends.md show it at work.
"""

import pytest

CONTRACTS = ("ambient", "backends", "forms", "modules", "redirects")

pytest.register_assert_rewrite(*(f"{__name__}.{name}" for name in CONTRACTS))

from issuer.testing.ambient import AmbientContract  # noqa: E402 - after asserts are rewritten
from issuer.testing.backends import BackendContract  # noqa: E402
from issuer.testing.fakes import FakeClock, FakeRandomness  # noqa: E402
from issuer.testing.forms import FormContract  # noqa: E402
from issuer.testing.gateway import PUBLIC_URL, VISITOR, LocalGateway, open_gateway  # noqa: E402
from issuer.testing.modules import ModuleContract  # noqa: E402
from issuer.testing.redirects import RedirectContract  # noqa: E402
from issuer.testing.routes import PERSON, Ask, tokens_in  # noqa: E402
from issuer.testing.samples import sample  # noqa: E402

__all__ = [
    "PERSON",
    "PUBLIC_URL",
    "VISITOR",
    "AmbientContract",
    "Ask",
    "BackendContract",
    "FakeClock",
    "FakeRandomness",
    "FormContract",
    "LocalGateway",
    "ModuleContract",
    "RedirectContract",
    "open_gateway",
    "sample",
    "tokens_in",
]
