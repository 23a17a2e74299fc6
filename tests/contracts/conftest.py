"""Stub servers for the modules that call others."""

from tests.modules.livekit.conftest import homeserver, sfu
from tests.openid.fixtures import provider
from tests.openldap.server import openldap
from tests.upstream.fixtures import authority
from tests.wheel import wheel

__all__ = ["authority", "homeserver", "openldap", "provider", "sfu", "wheel"]
