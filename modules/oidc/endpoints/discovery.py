"""What clients find out by themselves (OpenID Connect Discovery §3, RFC 8414 §2), and the keys."""

from flask import Response

from issuer import jsontext
from issuer.web.application import PreparedResponse
from issuer.web.cors import EVERYBODY
from modules.oidc.authorization.request import RESPONSE_MODES
from modules.oidc.provider import KEY_USE, Provider
from modules.oidc.settings import ALGORITHMS, GRANT_TYPES
from modules.oidc.tokens.claims import STANDARD

HEADERS = [("Content-Type", "application/json"), ("Cache-Control", "public, max-age=300"), *EVERYBODY.items()]
ADDRESSES = {
    "authorization_endpoint": "/authorize",
    "token_endpoint": "/token",
    "userinfo_endpoint": "/userinfo",
    "jwks_uri": "/jwks",
    "end_session_endpoint": "/logout",
    "pushed_authorization_request_endpoint": "/par",
    "device_authorization_endpoint": "/device_authorization",
    "revocation_endpoint": "/revoke",
    "introspection_endpoint": "/introspect",
}
LOOK_EVERY = 1.0
"""Seconds for which the key set is kept; a key is published long before it signs."""


class DiscoveryEndpoint:
    """The documents of one instance; they are written once."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self._metadata = jsontext.dump(metadata(provider))
        self._keys = b""
        self._keys_until = 0.0

    def configuration(self) -> Response:
        """Return the provider's metadata."""
        return _public(self._metadata)

    def jwks(self) -> Response:
        """Return the keys that sign this instance's tokens (RFC 7517 §5); Jitsi's are not among them."""
        now = self._provider.clock.monotonic()
        if not self._keys or now >= self._keys_until:
            keys = [key.jwk for key in self._provider.gateway.keys.public_keys(KEY_USE)]
            self._keys, self._keys_until = jsontext.dump({"keys": keys}), now + LOOK_EVERY
        return _public(self._keys)


def metadata(provider: Provider) -> dict[str, object]:
    """Return the metadata; a list with nothing in it is left out (OpenID Connect Discovery §4.2)."""
    methods = ["client_secret_basic", "client_secret_post", "private_key_jwt"]
    asymmetric = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
    scopes = {"openid", "profile", "email", "groups"}
    scopes.update(*(client.settings.scopes for client in provider.registry.configured()))
    found: dict[str, object] = {
        "issuer": provider.issuer,
        **{name: provider.url(path) for name, path in ADDRESSES.items()},
        "backchannel_logout_supported": True,
        "backchannel_logout_session_supported": True,
        "revocation_endpoint_auth_methods_supported": [*methods, "none"],
        "revocation_endpoint_auth_signing_alg_values_supported": asymmetric,
        "introspection_endpoint_auth_methods_supported": methods,
        "introspection_endpoint_auth_signing_alg_values_supported": asymmetric,
        "scopes_supported": sorted(scopes),
        "response_types_supported": ["code"],
        "response_modes_supported": list(RESPONSE_MODES),
        "grant_types_supported": list(GRANT_TYPES),
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": list(ALGORITHMS),
        "token_endpoint_auth_methods_supported": [*methods, "none"],
        "token_endpoint_auth_signing_alg_values_supported": asymmetric,
        "code_challenge_methods_supported": ["S256"],
        "claims_supported": [
            "sub",
            "iss",
            "aud",
            "exp",
            "iat",
            "auth_time",
            "nonce",
            "acr",
            "sid",
            *STANDARD,
        ],
        "claims_parameter_supported": True,
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
        "acr_values_supported": sorted(provider.settings.acr_values),
        "ui_locales_supported": ["en", "fr", "de"],
        "authorization_response_iss_parameter_supported": True,
    }
    return {name: value for name, value in found.items() if value != []}


def _public(text: bytes) -> Response:
    return PreparedResponse(text, headers=HEADERS)
