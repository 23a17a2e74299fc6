"""A node process, the application, and a browser."""

from tests.browser import browser, open_page
from tests.gateway import build_gateway, gateway_templates
from tests.node import node

__all__ = ["browser", "build_gateway", "gateway_templates", "node", "open_page"]
