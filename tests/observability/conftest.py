from tests.gateway import build_gateway, gateway_templates

__all__ = ["build_gateway", "gateway_templates"]
