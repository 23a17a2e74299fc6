"""Homeservers: their names, where they are, whether an OpenID token is one of their users'.

    homeservers = Homeservers(gateway.upstream, gateway.clock, listed=["example.org"], overrides={})
    user_id = homeservers.verify_openid("example.org", access_token)     # "@alice:example.org"

Rooms, tokens and rules are the modules'.
"""

from issuer.matrix.errors import NoClientApiError, OpenIdRefusedError
from issuer.matrix.homeservers import ClientServerApi, Homeservers
from issuer.matrix.names import BadNameError, ServerName, UserId, parse_server_name, parse_user_id
from issuer.matrix.resolution import Destination

__all__ = [
    "BadNameError",
    "ClientServerApi",
    "Destination",
    "Homeservers",
    "NoClientApiError",
    "OpenIdRefusedError",
    "ServerName",
    "UserId",
    "parse_server_name",
    "parse_user_id",
]
