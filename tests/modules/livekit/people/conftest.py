"""A gateway with an instance for people."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.gateway import PUBLIC_URL, BuildGateway
from tests.modules.livekit.people.asking import Stage, section

BuildStage = Callable[..., Stage]


@pytest.fixture
def build_stage(build_gateway: BuildGateway) -> BuildStage:
    """Builds a gateway: `build_stage({"per_device": True}, rule="deny", tokens={...})`."""

    def build(
        people: dict[str, Any] | None = None,
        tokens: dict[str, str] | None = None,
        public_url: str = PUBLIC_URL,
        **changes: Any,
    ) -> Stage:
        data = {"public_url": public_url, "tokens": tokens or {}}
        return Stage(build_gateway({**data, "modules": {"livekit": section(people, **changes)}}, keys=()))

    return build


@pytest.fixture
def stage(build_stage: BuildStage) -> Stage:
    return build_stage()
