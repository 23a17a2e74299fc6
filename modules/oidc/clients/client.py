"""A client as Authlib asks about it, with its rule and expressions compiled."""

import hashlib
import hmac
import json
from collections.abc import Iterator
from functools import cached_property, lru_cache
from typing import Any

from authlib.oauth2.rfc6749 import ClientMixin

from issuer.bearer import JwkSet, PublicKey
from issuer.module import Gateway
from issuer.rules import Compiler, Expression, Rule
from issuer.web.bounds import LONGEST_SECRET
from modules.oidc.clients.redirects import destination, matches
from modules.oidc.settings import ClientSettings, OidcSettings, read_key_set
from modules.oidc.store.clients import StoredClient, StoredClients

VARIABLES = ("client_id", "scope", "resource")
"""What rules and expressions see beside the person."""


def secret_hash(secret: str) -> bytes:
    """Return what is known of a secret."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


class Client(ClientMixin):
    """One application."""

    def __init__(
        self, client_id: str, settings: ClientSettings, hashed: bytes | None, rules: "ClientRules"
    ) -> None:
        self.client_id = client_id
        self.settings = settings
        self.rules = rules
        self._secret_hash = hashed

    @property
    def name(self) -> str:
        """Return what people call it."""
        return self.settings.name or self.client_id

    @property
    def public(self) -> bool:
        """Tell whether it has nothing to prove who it is."""
        return self.settings.public

    @property
    def rotates(self) -> bool:
        """Tell whether each of its refresh tokens is replaced when it is used."""
        given = self.settings.refresh_token_rotation
        return self.public if given is None else given

    @property
    def is_jitsi(self) -> bool:
        """Tell whether its access tokens are tokens of a Jitsi instance."""
        return self.settings.kind == "jitsi"

    @cached_property
    def keys(self) -> "JwkKeys":
        """Return its public keys."""
        return JwkKeys(read_key_set(self.settings.jwks_file) if self.settings.jwks_file else JwkSet())

    @cached_property
    def methods(self) -> frozenset[str]:
        """Return how it may prove who it is."""
        if self.settings.authentication:
            return frozenset({self.settings.authentication})
        if self.settings.jwks_file:
            return frozenset({"private_key_jwt"})
        return frozenset({"none"} if self.public else {"client_secret_basic", "client_secret_post"})

    @cached_property
    def destinations(self) -> frozenset[str]:
        """Return where its forms may lead, for the pages' policy."""
        uris = [*self.settings.redirect_uris, *self.settings.post_logout_redirect_uris]
        return frozenset(destination(uri) for uri in uris)

    @cached_property
    def origins(self) -> frozenset[str]:
        """Return the origins of its pages that may call; Jitsi's page is at its redirect URI."""
        own = map(destination, self.settings.redirect_uris) if self.is_jitsi else ()
        return frozenset([*self.settings.origins, *own])

    @property
    def client_metadata(self) -> dict[str, Any]:
        """Return what Authlib asks for by name."""
        return {"post_logout_redirect_uris": self.settings.post_logout_redirect_uris}

    def get_client_id(self) -> str:
        """Return its id."""
        return self.client_id

    def get_default_redirect_uri(self) -> str | None:
        """Return its redirect URI when it has one only, and that is no pattern."""
        uris = self.settings.redirect_uris
        return uris[0] if len(uris) == 1 else None

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        """Tell whether a redirect URI is one of its own."""
        registered = self.settings.redirect_uris
        return redirect_uri in registered or any(matches(one, redirect_uri) for one in registered)

    def get_allowed_scope(self, scope: str | None) -> str:
        """Return which of these scopes it may have; what it may not, it does not get (RFC 6749 §3.3)."""
        asked = scope.split() if scope else ["openid"]
        return " ".join(word for word in dict.fromkeys(asked) if word in self.settings.scopes)

    def check_client_secret(self, client_secret: str) -> bool:
        """Tell whether this is its secret, in a time that tells nothing."""
        if self._secret_hash is None or len(client_secret) > LONGEST_SECRET:
            return False
        return hmac.compare_digest(secret_hash(client_secret), self._secret_hash)

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:  # noqa: ARG002 - Authlib's
        """Tell whether it may prove who it is in this way."""
        return method in self.methods

    def check_response_type(self, response_type: str) -> bool:
        """Tell whether it may ask for a code; there is nothing else to ask for."""
        return response_type == "code" and "authorization_code" in self.settings.grant_types

    def check_grant_type(self, grant_type: str) -> bool:
        """Tell whether it may get tokens in this way."""
        return grant_type in self.settings.grant_types


class ClientRules:
    """The compiled rule and expressions of a client."""

    def __init__(self, settings: ClientSettings, rule: str, compiler: Compiler, option: str) -> None:
        """Compile; `rule` is the instance's, which counts where the client has none."""
        self.rule: Rule = compiler.rule(
            "rule" if settings.rule is None else f"{option}.rule", settings.rule or rule
        )
        self.claims: dict[str, Expression] = {
            name: compiler.expression(f"{option}.claims.{name}", text)
            for name, text in settings.claims.items()
        }


class JwkKeys:
    """The keys of a client, for its assertions."""

    def __init__(self, keys: JwkSet) -> None:
        self._keys = keys

    def key(self, kid: str | None, algorithm: str) -> PublicKey | None:
        """Return the key that a header means."""
        return self._keys.find(kid, algorithm)


KEPT = 256
"""How many added clients stay compiled."""


class Registry:
    """Finds clients by their id."""

    def __init__(self, settings: OidcSettings, gateway: Gateway, stored: StoredClients) -> None:
        """Compile the clients of the configuration.

        Raises:
            ExceptionGroup: of RuleError, rules and expressions that do not compile.
        """
        self._settings = settings
        self._section = f"modules.{gateway.instance}"
        self._variables = (*VARIABLES, *gateway.macros)
        self._stored = stored
        compiler = Compiler(self._section, self._variables)
        self._configured = {
            client_id: self._client(client_id, section, compiler)
            for client_id, section in settings.clients.items()
        }
        compiler.rule("rule", settings.rule)
        compiler.finish()
        self._of_row = lru_cache(KEPT)(self._compiled)

    def get(self, client_id: str) -> Client | None:
        """Return a client."""
        found = self._configured.get(client_id)
        if found:
            return found
        row = self._stored.get(client_id)
        return self._of_row(row) if row else None

    def all(self) -> Iterator[Client]:
        """Return every client; those of the configuration first."""
        yield from self._configured.values()
        yield from (self._of_row(row) for row in self._stored.all() if row.client_id not in self._configured)

    def configured(self) -> list[Client]:
        """Return the clients of the configuration."""
        return list(self._configured.values())

    def _client(self, client_id: str, section: ClientSettings, compiler: Compiler) -> Client:
        rules = ClientRules(section, self._settings.rule, compiler, f"clients.{client_id}")
        secret = section.secret
        hashed = secret_hash(secret.get_secret_value()) if secret else None
        return Client(client_id, section, hashed, rules)

    def _compiled(self, row: StoredClient) -> Client:
        section = stored_settings(row)
        compiler = Compiler(self._section, self._variables)
        rules = ClientRules(section, self._settings.rule, compiler, f"clients.{row.client_id}")
        compiler.finish()
        return Client(row.client_id, section, row.secret_hash, rules)


def stored_settings(row: StoredClient) -> ClientSettings:
    """Return the section of an added client; in the place of its secret, which nobody knows, is the hash."""
    found = json.loads(row.settings)
    if row.secret_hash is not None:
        found["secret"] = row.secret_hash.hex()
    return ClientSettings.model_validate(found)
