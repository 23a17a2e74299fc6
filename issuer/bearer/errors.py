"""What is wrong with a bearer token. No message holds the token or a claim of it."""

from issuer.errors import ForbiddenError, UnavailableError


class TokenRefusedError(ForbiddenError):
    """The token is not one that proves who asks (RFC 6750 §3.1)."""

    code = "invalid_token"
    status = 401


class KeysUnavailableError(UnavailableError):
    """The keys of an issuer cannot be had now, so nobody can tell whether a token is good."""
