"""The clients of an instance: those of the configuration, and those that were added by command."""

import json
from collections.abc import Iterator
from functools import lru_cache

from issuer.module import Gateway
from issuer.rules import Compiler
from modules.oidc.clients.client import VARIABLES, Client, ClientRules, secret_hash
from modules.oidc.settings import ClientSettings, OidcSettings
from modules.oidc.store.clients import StoredClient, StoredClients

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
