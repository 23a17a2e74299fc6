"""The demo: everything to see the whole trip with nothing installed. Never part of a real service.

Owns a meeting page that stands in for Jitsi and a call page that stands in for an application that uses
LiveKit, each on a port and so an origin of its own, and the command `issuer demo`, which prepares users, a
key and a configuration. It has no routes in the portal. `static/` has livekit-client, as `make vendor` copied
it.

Configuration sample:

    [portal]
    demo = true

    [server]
    workers = 1

    [modules.demo]
    meeting_bind = "127.0.0.1:8081"
"""

from modules.demo.module import DemoModule

__all__ = ["DemoModule"]
