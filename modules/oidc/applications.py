"""The page of applications that somebody let know about them, where that is taken back."""

from dataclasses import dataclass
from datetime import UTC, datetime

from flask import redirect, render_template
from flask.typing import ResponseReturnValue

from issuer.errors import NotFoundError
from issuer.module import Gateway
from modules.oidc.authorization.consent import withdraw
from modules.oidc.provider import Provider
from modules.oidc.store.consents import Consent
from modules.oidc.tokens.claims import scopes_of


@dataclass(frozen=True, slots=True)
class ConnectedApplication:
    """A client as the page lists it."""

    id: str
    name: str
    scope: tuple[str, ...]
    given: datetime


class Applications:
    """The page of one instance."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self._gateway: Gateway = provider.gateway

    def page(self) -> ResponseReturnValue:
        """List what the person consented to."""
        session = self._gateway.require()
        found = [self._shown(consent) for consent in self._provider.consents.all(session.identity)]
        path = f"{self._provider.settings.path}/applications"
        return render_template("oidc/applications.html", applications=found, path=path)

    def withdraw(self, client_id: str) -> ResponseReturnValue:
        """Take back what one application was let have; its tokens end."""
        self._gateway.portal.check_origin()
        if not withdraw(self._provider, self._gateway.require(), client_id):
            raise NotFoundError("this person consented to no such client")
        return redirect(f"{self._provider.settings.path}/applications", 303)

    def _shown(self, consent: Consent) -> ConnectedApplication:
        client = self._provider.registry.get(consent.client_id)
        return ConnectedApplication(
            consent.client_id,
            client.name if client else consent.client_id,
            scopes_of(consent.scope),
            datetime.fromtimestamp(consent.given_at, UTC),
        )
