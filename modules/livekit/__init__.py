"""LiveKit tokens: for Matrix users, of whom a Matrix OpenID token vouches (MSC4195), and for people here.

For the former it does what lk-jwt-service does, for Element Call and other MatrixRTC clients; for the latter
see `people`. Owns the bodies, the names, the tokens and the creation of rooms on the SFU; leaves homeservers,
sessions, rules and the record to the core.

Routes, below its `path`: `token` for people; `jwt/get_token`, `jwt/sfu/get`, `jwt/healthz`, of which the
first two are also at the root with `at_root`, where the host has a `healthz` anyway.

Configuration sample:

    [modules.livekit]
    url = "wss://sfu.example.com"
    api_key = "APIxyz"
    api_secret_file = "livekit-secret"
    full_access_homeservers = ["example.com"]
    rule = 'server_name.endsWith("example.com")'
"""

from modules.livekit.module import LiveKitModule

__all__ = ["LiveKitModule"]
