"""The module's part of each phase of an issuance: one token for one client."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask.typing import ResponseReturnValue

from issuer.identity import Identity
from issuer.issuance import Phases, Subject, Token
from issuer.rules import Rule, Scope
from issuer.signing import Signer
from modules.oidc.clients.client import Client


@dataclass(frozen=True, slots=True)
class Wanted:
    """A token as it shall be."""

    claims: Mapping[str, Any]
    lifetime: float
    signer: Signer
    scope: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()


class ClientPhases(Phases):
    """A token for a client, in the name of somebody or of the client itself."""

    module = "oidc"

    def __init__(self, instance: str, client: Client, identity: Identity, wanted: Wanted) -> None:
        self.instance = instance
        self._client = client
        self._identity = identity
        self._wanted = wanted

    def authenticate(self) -> Identity:
        """Return whose token it is: a code, a refresh token or a secret has shown it."""
        return self._identity

    def variables(self) -> dict[str, str]:
        """Return the client, the scopes and the audience."""
        return {
            "client_id": self._client.client_id,
            "scope": " ".join(self._wanted.scope),
            "resource": " ".join(self._wanted.resources),
        }

    def rule(self) -> Rule:
        """Return the client's rule, or the instance's."""
        return self._client.rules.rule

    def lifetime(self) -> float:
        """Return the lifetime, in seconds."""
        return self._wanted.lifetime

    def claims(self, scope: Scope) -> dict[str, Any]:  # noqa: ARG002 - they are made already
        """Return the claims."""
        return dict(self._wanted.claims)

    def signer(self) -> Signer:
        """Return what signs."""
        return self._wanted.signer

    def subject(self) -> Subject:
        """Return the client, for the record."""
        return Subject(identity=self._client.client_id)

    def answer(self, token: Token) -> ResponseReturnValue:
        """Return the token itself; an answer with several is put together by the endpoint."""
        return token.text
