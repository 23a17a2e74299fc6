"""Jitsi Meet tokens: who is signed in here enters meetings there.

Owns the tokens, the names of rooms and the key server; leaves sign-in, rules, keys and the record to
the core.

Routes, below its `path`: `login?room=…&state=…` and `login/<room>` (for Jitsi's `TOKEN_AUTH_URL`), `start`
(the form on the portal's home), `asap/<hash>.pem` and `keys.json` (for Prosody), and `matrix` where it is
enabled.

Configuration sample:

    [modules.jitsi]
    server_url = "https://meet.example.com"
    app_id = "jitsi"
    algorithm = "RS256"
    rule = 'inGroup("staff")'
    expiration = "4h"
    token_in = "fragment"
"""

from modules.jitsi.module import JitsiModule

__all__ = ["JitsiModule"]
