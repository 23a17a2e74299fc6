"""What happens when a portal session ends: its grants end, and clients hear of it (Back-Channel Logout).

Messages wait in the store, so that a client that does not answer, or a process that is killed, loses none.
"""

import logging
import threading
from collections.abc import Sequence
from urllib.parse import urlencode

from issuer.rules import Rule, compile_rule
from issuer.store import StoreError
from issuer.upstream import Party, UpstreamError
from modules.oidc.clients.client import Client
from modules.oidc.provider import Provider
from modules.oidc.server import FORM
from modules.oidc.store.grants import Grant
from modules.oidc.store.logouts import LogoutMessage, Logouts
from modules.oidc.tokens.phases import ClientPhases, Wanted

OFFLINE = "offline_access"
"""A scope whose grants outlive the session (OIDC Core §11)."""
EVENT = "http://schemas.openid.net/event/backchannel-logout"
LIFETIME = 120.0
KEPT = 86400.0
FIRST_WAIT = 10.0
LONGEST_WAIT = 3600.0
LOOK_EVERY = 5.0

_log = logging.getLogger(__name__)


class LogoutPhases(ClientPhases):
    """A logout token: it says only what has happened, so no rule keeps it back."""

    ALWAYS = compile_rule("accept", option="a logout token")

    def rule(self) -> Rule:
        """Return a rule that says yes."""
        return self.ALWAYS


class SignOuts:
    """Hears of sessions that end, and tells clients."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self._logouts = Logouts(provider.gateway.store.database, provider.clock, provider.instance)
        self._wake = threading.Event()
        self._ending = False
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to deliver."""
        self._ending = False
        self._thread = threading.Thread(target=self._run, name="back-channel logout", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End, after the message in hand."""
        self._ending = True
        self._wake.set()
        if self._thread:
            self._thread.join()
            self._thread = None

    def end_with_sessions(self, sessions: Sequence[bytes], successor: bytes | None) -> None:
        """End the grants of sessions, or let them go on with the session in their place.

        Whom to tell is written in the same transaction, so neither is ever without the other.
        """
        grants = self._provider.grants
        if successor is not None:
            grants.move(sessions, successor)
        else:
            self._note(grants.end_with_sessions(self._provider.instance, sessions, OFFLINE))

    def sessions_ended(self) -> None:
        """Look for messages at once."""
        self._wake.set()

    def _note(self, grants: list[Grant]) -> None:
        told: set[tuple[str, str | None]] = set()
        for grant in grants:
            key = grant.client_id, grant.details.sid
            client = self._provider.registry.get(grant.client_id)
            if client and client.settings.backchannel_logout_uri and key not in told:
                self._logouts.add(self._provider.new_id(), grant.id, self._provider.clock.now() + KEPT)
                told.add(key)

    def _run(self) -> None:
        while not self._ending:
            try:
                self.deliver()
            except Exception:
                _log.exception("clients could not be told of ended sessions; trying again")
            self._wake.wait(LOOK_EVERY)
            self._wake.clear()

    def deliver(self) -> None:
        """Send every message that is due."""
        for logout in self._logouts.due():
            wait = min(FIRST_WAIT * 2**logout.attempts, LONGEST_WAIT)
            if not self._ending and self._logouts.claim(logout, wait):
                self._send(logout)

    def _send(self, logout: LogoutMessage) -> None:
        grant = self._provider.grants.find(logout.grant_id)
        client = self._provider.registry.get(grant.client_id) if grant else None
        if grant is None or client is None or client.settings.backchannel_logout_uri is None:
            self._logouts.done(logout)
            return
        try:
            status = self._post(client, self._token(client, grant))
        except (UpstreamError, StoreError) as error:
            _log.warning(
                "%s: the client %s was not told of a sign-out: %s",
                self._provider.instance,
                client.client_id,
                error,
            )
            return
        # Back-Channel Logout §2.8: 200 is yes; 400 says that the client has no such session.
        if status in {200, 204, 400}:
            self._logouts.done(logout)
        else:
            _log.warning(
                "%s: the client %s answered a sign-out with %s",
                self._provider.instance,
                client.client_id,
                status,
            )

    def _post(self, client: Client, token: str) -> int:
        url = str(client.settings.backchannel_logout_uri)
        body = urlencode({"logout_token": token}).encode()
        headers = {"Content-Type": FORM}
        return self._provider.gateway.upstream.post(
            url, named_by=Party.OPERATOR, body=body, headers=headers
        ).status

    def _token(self, client: Client, grant: Grant) -> str:
        """Return a logout token (Back-Channel Logout §2.4)."""
        provider = self._provider
        claims = {
            "iss": provider.issuer,
            "sub": provider.subject(grant.identity),
            "aud": client.client_id,
            "events": {EVENT: {}},
        }
        if grant.details.sid:
            claims["sid"] = grant.details.sid
        wanted = Wanted(claims, LIFETIME, provider.signer(client.settings.algorithm, "logout+jwt"))
        phases = LogoutPhases(provider.instance, client, grant.identity, wanted)
        return provider.gateway.issuance.issue(phases, grant.identity, None).text
