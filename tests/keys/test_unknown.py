"""A key directory that cannot be read, as those see it who want tokens."""

from issuer.keys.ring import BOUND
from tests.gateway import BuildGateway, build_gateway, gateway_templates

__all__ = ["build_gateway", "gateway_templates"]

JITSI = {"server_url": "https://meet.example.com", "app_id": "jitsi", "algorithm": "RS256"}
PATHS = ("/jitsi/login?room=x", "/.well-known/jwks.json", "/readyz")


def test_keys_that_are_unknown_are_neither_used_nor_shown(build_gateway: BuildGateway) -> None:
    gateway = build_gateway({"modules": {"jitsi": JITSI}}, {"dwho": ("users",)})
    client = gateway.sign_in("dwho")
    folder = gateway.parts.settings.keys.directory
    assert [client.get(path).status_code for path in PATHS] == [302, 200, 200]
    elsewhere = folder.rename(folder.with_name("elsewhere"))
    gateway.clock.advance(BOUND)
    assert [client.get(path).status_code for path in PATHS] == [503, 503, 503]
    elsewhere.rename(folder)
    assert [client.get(path).status_code for path in PATHS] == [302, 200, 200]
