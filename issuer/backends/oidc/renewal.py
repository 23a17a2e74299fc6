"""Reads people again at the provider, with the refresh token that their sign-in left (OIDC Core §12).

The token is kept sealed, under a key made from the client's own secret, without which it is of no use. A
provider may answer each with the next one, and takes a second use of the old one for theft: so one caller at
a time has it, on whichever machine, and what comes back is written down before anything else is done.
"""

import json
import logging
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from issuer.backend import BackendServices
from issuer.backends.oidc.claims import merged
from issuer.backends.oidc.client import ProviderClient, TokenRequestRefusedError
from issuer.backends.oidc.errors import ProviderDownError
from issuer.backends.oidc.metadata import ProviderDiscovery
from issuer.backends.oidc.tokens import Claims, TokenJudge
from issuer.crypto.sealing import Sealer
from issuer.runtime import about_to_block
from issuer.store import UpstreamGrant

KEPT_FOR = 90 * 86400.0
"""Seconds after which nobody has asked with it."""
PAUSE = 0.1
"""Seconds between two looks whether another caller is done."""
ID_BYTES = 16
PURPOSE = b"issuer: refresh tokens of an upstream provider"
OVER = {"invalid_grant", "access_denied", "consent_required", "interaction_required", "login_required"}
"""Errors after which the person has to sign in anew (RFC 6749 §5.2, OIDC Core §3.1.2.6)."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Said:
    """What a provider said of somebody, and the refresh token to ask again with."""

    id_token: Claims = field(repr=False)
    userinfo: Claims | None = field(repr=False)
    refresh_token: str = field(default="", repr=False)

    @property
    def claims(self) -> Mapping[str, Any]:
        """Return all claims together."""
        return self.id_token if self.userinfo is None else merged(self.id_token, self.userinfo)


class Renewal:
    """The refresh tokens of one provider's people."""

    def __init__(
        self,
        instance: str,
        services: BackendServices,
        discovery: ProviderDiscovery,
        client: ProviderClient,
        judge: TokenJudge,
        secret: str,
    ) -> None:
        self._instance = instance
        self._grants = services.store.upstream_grants
        self._clock = services.clock
        self._randomness = services.randomness
        self._patience = services.upstream.settings.total_timeout
        self._discovery = discovery
        self._client = client
        self._judge = judge
        self._sealer = Sealer(secret, PURPOSE, services.randomness)
        self._told = False

    def keep(self, subject: str, said: Said) -> None:
        """Keep what a sign-in left, if it is anything to ask again with."""
        if not said.refresh_token:
            if not self._told:
                _log.warning("backends.%s: no refresh token, so nobody is read again", self._instance)
            self._told = True
            self._grants.forget_ended(self._instance, subject)
            return
        now, number = self._clock.now(), self._randomness.bytes(ID_BYTES)
        sealed = self._sealed(number, said)
        self._grants.add(UpstreamGrant(number, self._instance, subject, sealed, now, now + KEPT_FOR))

    def is_kept(self, subject: str) -> bool:
        """Tell whether anything was kept of somebody, good or not."""
        return bool(self._grants.of(self._instance, subject))

    def read(self, subject: str, ask_userinfo: bool) -> Said | None:
        """Return what the provider says of somebody now; None when it will say nothing any more.

        Raises:
            issuer.errors.GatewayError: it cannot be asked now.
        """
        for grant in self._grants.of(self._instance, subject):
            if grant.sealed is not None and (said := self._read(grant, ask_userinfo)) is not None:
                return said
        return None

    def _read(self, grant: UpstreamGrant, ask_userinfo: bool) -> Said | None:
        taken = self._take(grant)
        try:
            said = self._opened(taken)
            if said and taken.sealed == grant.sealed:  # or else another caller has just asked
                said = self._ask(taken, said, ask_userinfo)
            now = self._clock.now()
            sealed = self._sealed(taken.id, said) if said else None
            expires = now + KEPT_FOR if said else taken.expires_at
            self._grants.put(replace(taken, sealed=sealed, asked_at=now, expires_at=expires))
        except BaseException:
            self._grants.let_go(taken)
            raise
        return said

    def _take(self, grant: UpstreamGrant) -> UpstreamGrant:
        """Wait until nobody else asks with it."""
        for _ in range(max(1, int(self._patience / PAUSE))):
            taken = self._grants.take(grant, 4 * self._patience)
            if taken is not None:
                return taken
            about_to_block()
            threading.Event().wait(PAUSE)
        raise ProviderDownError(
            f"backends.{self._instance}: others still wait for an answer about this person"
        )

    def _ask(self, grant: UpstreamGrant, known: Said, ask_userinfo: bool) -> Said | None:
        metadata = self._discovery.metadata()
        try:
            tokens = self._client.refresh(metadata.token_endpoint, known.refresh_token)
        except TokenRequestRefusedError as error:
            if error.reason in OVER:
                _log.info("backends.%s: a refresh token is over: %s", self._instance, error)
                return None
            raise
        said = replace(known, refresh_token=tokens.get("refresh_token") or known.refresh_token)
        if said.refresh_token != known.refresh_token:
            self._grants.put(replace(grant, sealed=self._sealed(grant.id, said)), done=False)
        if id_token := tokens.get("id_token"):
            keys, access_token = self._discovery.keys(), tokens["access_token"]
            said = replace(said, id_token=self._judge.renewed(id_token, keys, access_token))
        if not ask_userinfo or metadata.userinfo_endpoint is None:
            return said
        userinfo = self._client.userinfo(metadata.userinfo_endpoint, tokens["access_token"])
        return replace(said, userinfo=userinfo)

    def _sealed(self, number: bytes, said: Said) -> bytes:
        return self._sealer.seal(json.dumps(asdict(said)), self._about(number))

    def _opened(self, grant: UpstreamGrant) -> Said | None:
        """Return what is in a grant; None when it is over, or was sealed with another secret."""
        text = self._sealer.open(grant.sealed, self._about(grant.id)) if grant.sealed else None
        return Said(**json.loads(text)) if text else None

    def _about(self, number: bytes) -> str:
        return f"{self._instance}\0{number.hex()}"
