"""Bearer tokens: JWTs of others, or of our own modules, that say who asks (RFC 6750, RFC 7519).

    keys = RemoteKeys(upstream, clock, "https://idp.example.com/jwks.json")
    known = RemoteIssuer("https://idp.example.com/", keys)
    verified = TokenVerifier(clock).verify(token, {known.issuer: known}.get, audience="calls")
    identity = verified.identity()

Owns signatures, keys and claims; leaves to others whom to trust and for which audience. A `TokenIssuer` is
whoever makes such tokens: a provider in the configuration (`RemoteIssuer`), or a module of this gateway,
which names itself with `Module.token_issuers()` and takes its keys from the ring (`RingKeys`). `RemoteKeys`
serves whoever needs the keys of another server, as a login with OpenID Connect does.

Nothing here has routes or options.
"""

from issuer.bearer.errors import KeysUnavailableError, TokenRefusedError
from issuer.bearer.header import bearer_token
from issuer.bearer.issuers import IssuerOf, Keys, RemoteIssuer, TokenIssuer
from issuer.bearer.jwks import ALGORITHMS, JwkSet, PublicKey
from issuer.bearer.remote import RemoteKeys
from issuer.bearer.ring import RingKeys
from issuer.bearer.verifier import TokenVerifier, Verified

__all__ = [
    "ALGORITHMS",
    "IssuerOf",
    "JwkSet",
    "Keys",
    "KeysUnavailableError",
    "PublicKey",
    "RemoteIssuer",
    "RemoteKeys",
    "RingKeys",
    "TokenIssuer",
    "TokenRefusedError",
    "TokenVerifier",
    "Verified",
    "bearer_token",
]
