"""Stub servers for the modules that call others."""

from tests.modules.livekit.conftest import homeserver, sfu

__all__ = ["homeserver", "sfu"]
