"""Matrix user verification: who somebody is, and whether they are in a Matrix room.

Does what the User Verification Service does, for Prosody modules that let members of a Matrix room into the
room's Jitsi conference. Owns the bodies and the answers; leaves homeservers, membership and rules to the
core. `prosody/` holds such modules for Prosody.

Routes, below its `path` and with `at_root` also at the root: `verify/user`, `verify/user_in_room`, `health`;
`/.well-known/element/jitsi` when that is wanted.

Configuration sample:

    [matrix.homeservers."example.com"]
    url = "https://matrix.example.com"
    access_token_file = "synapse-admin-token"

    [modules.matrix]
    api_token_file = "matrix-api-token"
    rule = 'server_name == "example.com"'
"""

from modules.matrix.module import MatrixModule

__all__ = ["MatrixModule"]
