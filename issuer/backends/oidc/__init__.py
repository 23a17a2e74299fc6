"""Sign-in with an upstream provider of OpenID Connect: authorization code flow with PKCE, nonce and state.

Owns the trip to the provider and back, its metadata and keys, what its tokens must be, reading people again,
and the logout that it sends (`/login/<instance>/backchannel`). Leaves to the core whose a user name is,
mapping, sessions and pages. Of a provider's tokens only the refresh token is kept, sealed: what the others
said is in the session, and they are forgotten.

Configuration sample:

    [backends.example]
    type = "oidc"
    label = "Example"
    issuer = "https://idp.example.com/realms/main"
    client_id = "issuer"
    client_secret_file = "example.secret"
"""

from issuer.backends.oidc.backend import OidcBackend
from issuer.backends.oidc.settings import OidcBackendSettings

__all__ = ["OidcBackend", "OidcBackendSettings"]
