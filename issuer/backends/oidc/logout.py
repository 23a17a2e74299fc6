"""Back-channel logout (OpenID Connect Back-Channel Logout 1.0): the provider ends sessions here."""

from collections.abc import Mapping
from typing import Any

from issuer.backends.oidc.claims import subject_of
from issuer.backends.oidc.errors import ProviderAnswerError
from issuer.backends.oidc.tokens import LOGOUT_AGE
from issuer.observability import audit
from issuer.store import AttemptPolicy, Store

MARGIN = 60.0
"""Seconds by which the clocks of our own machines may differ, and the parts of a second that are cut off."""


def once(skew: float) -> AttemptPolicy:
    """Return one attempt: the second has to wait for as long as a logout token can be good.

    That is from the moment when its `iat` is still ahead by the provider's skew, to its end and the skew.
    """
    remembered = LOGOUT_AGE + 2 * skew + MARGIN
    return AttemptPolicy(free=1, first_wait=remembered, longest_wait=remembered, forget_after=remembered)


class BackChannel:
    """Ends the sessions that a logout token names, which was judged already."""

    def __init__(self, store: Store, instance: str, skew: float) -> None:
        """Keep where sessions are, and by how many seconds the provider's clock may differ."""
        self._once = once(skew)
        self._store = store
        self._instance = instance

    def end(self, claims: Mapping[str, Any]) -> int:
        """End the sessions; return how many there were.

        Raises:
            ProviderAnswerError: the token was used before (§2.6, by `jti`).
        """
        bucket = f"logout:{claims['iss']} {claims['jti']}"
        with self._store.database.write():  # used up only together with what it ends
            if self._store.attempts.reserve(bucket, self._once) > 0:
                raise ProviderAnswerError("a logout token is used a second time")
            ended = self._end(claims)
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
        nameless = sorted(row.id_hash for row in others if row.upstream_sid is None)
        return ended + sum(map(sessions.end, nameless))
