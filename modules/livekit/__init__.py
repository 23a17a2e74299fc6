"""LiveKit tokens for Matrix users: a Matrix OpenID token becomes a LiveKit token (MSC4195).

Does what lk-jwt-service does, for Element Call and other MatrixRTC clients. Owns the bodies, the names, the
tokens and the creation of rooms on the SFU; leaves homeservers, rules and the record to the core.

Routes, below its `path` and `/jwt`: `get_token`, `sfu/get`, `healthz`; with `at_root` the first two at the
root as well, where the host has a `healthz` anyway.

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
