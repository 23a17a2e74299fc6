"""Back-channel logout (OpenID Connect Back-Channel Logout 1.0): the provider ends sessions here."""

from collections.abc import Mapping
from typing import Any

from issuer import audit
from issuer.backends.oidc.claims import subject_of
from issuer.backends.oidc.errors import ProviderAnswerError
from issuer.backends.oidc.tokens import LOGOUT_AGE
from issuer.store import AttemptPolicy, Store

REMEMBERED = 2 * LOGOUT_AGE
ONCE = AttemptPolicy(free=1, first_wait=REMEMBERED, longest_wait=REMEMBERED, forget_after=REMEMBERED)
"""One attempt: the second within the time for which a logout token is good has to wait."""


class BackChannel:
    """Ends the sessions that a logout token names, which was judged already."""

    def __init__(self, store: Store, instance: str) -> None:
        """Keep where sessions are."""
        self._store = store
        self._instance = instance

    def end(self, claims: Mapping[str, Any]) -> int:
        """End the sessions; return how many there were.

        Raises:
            ProviderAnswerError: the token was used before (§2.6, by `jti`).
        """
        bucket = f"logout:{claims['iss']} {claims['jti']}"
        if self._store.attempts.reserve(bucket, ONCE) > 0:
            raise ProviderAnswerError("a logout token is used a second time")
        try:
            ended = self._end(claims)
        except BaseException:
            self._store.attempts.release(bucket)
            raise
        audit.signed_out_upstream(self._instance, ended)
        return ended

    def _end(self, claims: Mapping[str, Any]) -> int:
        """End the session with this `sid`, and without one all of the person's (§2.4)."""
        sid, sessions = claims.get("sid"), self._store.sessions
        subject = subject_of(claims["iss"], claims["sub"]) if "sub" in claims else None
        if sid is None:
            return sessions.end_of(self._instance, subject) if subject else 0
        ended = sessions.end_upstream(self._instance, sid)
        others = sessions.of(self._instance, subject) if subject else []
        return ended + sum(sessions.end(row.id_hash) for row in others if row.upstream_sid is None)
