from collections.abc import Callable
from typing import Any

import pytest

from tests.gateway import BuildGateway, build_gateway, gateway_templates
from tests.modules.oidc.provider import CLIENTS, Provider

__all__ = ["build_gateway", "gateway_templates"]

MakeProvider = Callable[..., Provider]


@pytest.fixture
def make_provider(build_gateway: BuildGateway) -> MakeProvider:
    """Builds a provider with one confidential client, "wiki", and one public one, "app"; options of the
    instance go in by name, and further clients as `clients={...}`."""

    def make(
        clients: dict[str, Any] | None = None, modules: dict[str, Any] | None = None, **options: Any
    ) -> Provider:
        section = {**options, "clients": {**CLIENTS, **(clients or {})}}
        data = {"modules": {"oidc": section, **(modules or {})}}
        uses = ("oidc", "jitsi") if modules else ("oidc",)
        gateway = build_gateway(data, users={"dwho": ("users", "timelords"), "rtyler": ("users",)}, keys=uses)
        return Provider(gateway)

    return make


@pytest.fixture
def provider(make_provider: MakeProvider) -> Provider:
    return make_provider()
