"""Somebody sets the clock of the machine, and nobody is let in for longer."""

import pytest

from tests.gateway import BuildGateway, LocalGateway, build_gateway, gateway_templates
from tests.modules.oidc.provider import CLIENTS, Provider

__all__ = ["build_gateway", "gateway_templates"]

IDLE, LIFETIME = 7200.0, 43200.0
CODE_LIFETIME = 60.0


@pytest.fixture
def gateway(build_gateway: BuildGateway) -> LocalGateway:
    sessions = {"idle_timeout": IDLE, "lifetime": LIFETIME}
    data = {"modules": {"oidc": {"clients": CLIENTS}}, "sessions": sessions}
    return build_gateway(data, {"dwho": ("users",)}, keys=("oidc",))


@pytest.mark.parametrize("step", [5.0, -5.0, 3600.0, -3600.0])
class TestSteps:
    """A clock that steps by ±5 s and ±1 h: no participant leaves, no session or code lives longer than its
    time by more than the step's own size."""

    def test_no_session_lives_longer(self, gateway: LocalGateway, step: float) -> None:
        idle = gateway.sign_in("dwho")
        gateway.clock.step(step)
        assert idle.get("/").status_code == 200
        gateway.clock.advance(IDLE + abs(step))
        assert idle.get("/").status_code == 303
        begun = gateway.sign_in("dwho")
        gateway.clock.step(step)
        passed = 0.0
        while passed < LIFETIME + abs(step):
            begun.get("/")
            gateway.clock.advance(IDLE / 4)
            passed += IDLE / 4
        assert begun.get("/").status_code == 303

    def test_no_code_lives_longer(self, gateway: LocalGateway, step: float) -> None:
        provider, browser = Provider(gateway), gateway.sign_in("dwho")
        first, second, third = (provider.code(browser) for _ in range(3))
        assert provider.exchange(first).status_code == 200
        gateway.clock.step(step)
        if abs(step) < CODE_LIFETIME:
            assert provider.exchange(second).status_code == 200
        gateway.clock.advance(CODE_LIFETIME + abs(step))
        assert provider.exchange(third).status_code == 400

    def test_no_refresh_token_is_lost(self, gateway: LocalGateway, step: float) -> None:
        provider, browser = Provider(gateway), gateway.sign_in("dwho")
        tokens = provider.exchange(provider.code(browser)).get_json()
        gateway.clock.step(step)
        assert provider.refresh(tokens["refresh_token"], "wiki").status_code == 200
