from tests.gateway import build_gateway, gateway_templates
from tests.modules.livekit.conftest import homeserver, sfu
from tests.node import node
from tests.upstream.fixtures import authority

__all__ = ["authority", "build_gateway", "gateway_templates", "homeserver", "node", "sfu"]
