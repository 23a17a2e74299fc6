"""OpenID Provider: applications sign people in here, with OpenID Connect and OAuth 2.

Owns clients, consent, authorization codes, refresh tokens and the pages and endpoints of the protocols, each
in the file of its specification; leaves sessions, rules, keys and the record to the core. Authlib judges the
requests; tokens are signed and recorded by the host.

Routes, below its `path`: `.well-known/openid-configuration`, `jwks`, `authorize`, `consent`, `token`,
`userinfo`.

Configuration sample:

    [modules.oidc.clients.wiki]
    name = "Wiki"
    secret_file = "wiki-secret"
    redirect_uris = ["https://wiki.example.com/oidc/callback"]
    grant_types = ["authorization_code", "refresh_token", "client_credentials"]
"""

from modules.oidc.module import OidcModule

__all__ = ["OidcModule"]
