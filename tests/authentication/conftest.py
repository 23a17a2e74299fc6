import pytest

from tests.gateway import BuildGateway, LocalGateway

USERS = {"dwho": ("users", "timelords"), "rtyler": ("users",)}
JITSI = {"server_url": "https://meet.example.com", "app_id": "jitsi", "algorithm": "RS256"}


@pytest.fixture
def gateway(build_gateway: BuildGateway) -> LocalGateway:
    """An application with a Jitsi instance and two users."""
    return build_gateway({"modules": {"jitsi": JITSI}}, users=USERS)
