from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.gateway import BuildGateway
from tests.modules.oidc.provider import CLIENTS, Provider
from tests.postgresql import DATABASES, PostgreSQL

MakeProvider = Callable[..., Provider]


@pytest.fixture
def make_provider(build_gateway: BuildGateway) -> MakeProvider:
    """Builds a provider with one confidential client, "wiki", and one public one, "app"; options of the
    instance go in by name, and further clients as `clients={...}`."""

    def make(
        clients: dict[str, Any] | None = None,
        modules: dict[str, Any] | None = None,
        store_url: str | None = None,
        core: dict[str, Any] | None = None,
        **options: Any,
    ) -> Provider:
        section = {**options, "clients": {**CLIENTS, **(clients or {})}}
        store = {"store": {"url": store_url}} if store_url else {}
        data = {"modules": {"oidc": section, **(modules or {})}, **store, **(core or {})}
        uses = ("oidc", "jitsi") if modules else ("oidc",)
        gateway = build_gateway(data, users={"dwho": ("users", "timelords"), "rtyler": ("users",)}, keys=uses)
        return Provider(gateway)

    return make


@pytest.fixture(params=DATABASES)
def store_url(request: pytest.FixtureRequest) -> Iterator[str | None]:
    """None for the embedded database, or the URL of an empty one, of each kind in turn."""
    if request.param == "sqlite":
        yield None
        return
    server: PostgreSQL = request.getfixturevalue("postgresql")
    name = server.create_database()
    yield server.url(name)
    server.drop_database(name)


@pytest.fixture
def provider(make_provider: MakeProvider) -> Provider:
    return make_provider()
