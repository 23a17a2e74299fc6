"""A real provider, and a gateway that sends people to it, for all tests of a process."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from issuer.testing import PUBLIC_URL, open_gateway
from tests.backends.oidc.trips import BACK_CHANNEL, CALLBACK, INSTANCE, House
from tests.gateway import BuildGateway
from tests.openid.provider import Provider

BuildHouse = Callable[..., House]


@pytest.fixture(scope="session")
def shared_house(provider: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    section = provider.section(
        CALLBACK,
        backchannel_logout_uri=f"{PUBLIC_URL[:-1]}{BACK_CHANNEL}",
        backchannel_logout_session_required=True,
        post_logout_redirect_uris=[f"{PUBLIC_URL}logout"],
    )
    folder = tmp_path_factory.mktemp("house")
    gateway = open_gateway(folder, {"backends": {"local": {}, INSTANCE: section}})
    gateway.add_user("dwho")
    yield House(gateway, provider)
    gateway.close()


@pytest.fixture
def house(shared_house: House) -> House:
    """The gateway that all tests share, each with browsers of its own; let no time pass in it."""
    shared_house.at_the_providers_time()
    return shared_house


@pytest.fixture
def build_house(build_gateway: BuildGateway, provider: Provider) -> BuildHouse:
    """Builds a gateway for a client of its own: `build_house(settings={...}, data={...}, **metadata)`."""

    def build(
        settings: dict[str, Any] | None = None, data: dict[str, Any] | None = None, **metadata: Any
    ) -> House:
        section = provider.section(CALLBACK, settings=settings, **metadata)
        backends = {"local": {}, INSTANCE: section}
        data = {"backends": backends, **(data or {})}
        gateway = build_gateway(data, users={"dwho": ("users",)}, keys=("jitsi", "oidc"))
        house = House(gateway, provider)
        house.at_the_providers_time()
        return house

    return build


@pytest.fixture
def mortal(programs: None) -> Iterator[Provider]:
    """A provider of this test alone, which it may kill."""
    running = Provider()
    yield running
    running.stop()
