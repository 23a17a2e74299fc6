"""When somebody signed in at the provider: how it is asked for, and what must come (OIDC Core §2, §3.1.2.1).

A browser can change the request on its way to the provider, and take out what asks for a new sign-in. So what
was asked for is in the signed cookie, and `auth_time` in the signed ID token must say that it was done.
"""

import math
from collections.abc import Mapping
from typing import Any

from issuer.backend import Departure
from issuer.backends.oidc.errors import ProviderAnswerError
from issuer.backends.oidc.pending import SKEW, PendingDeparture
from issuer.errors import NotAnewError
from issuer.world import Clock

ANY_AGE = 10 * 365 * 86400
"""Seconds: a `max_age` that every sign-in meets. With one, a provider must say when it was."""


class Age:
    """Judges how long ago somebody signed in at one provider."""

    def __init__(self, clock: Clock, longest: float | None, skew: float) -> None:
        """Keep how many seconds it may be (None: any), and by how many the provider's clock may differ."""
        self._clock = clock
        self._longest = longest
        self._skew = skew

    def wishes(self, departure: Departure) -> dict[str, str]:
        """Return the parameters that ask for a sign-in of the right age."""
        longest = ANY_AGE if self._longest is None else int(self._longest)
        wishes = {"max_age": "0" if departure.since else str(longest)}
        prompt = "none" if departure.silent else "login" if departure.since else ""
        return wishes | ({"prompt": prompt} if prompt else {})

    def judged(self, claims: Mapping[str, Any], pending: PendingDeparture) -> float | None:
        """Return when the person of a judged ID token signed in (seconds since 1970), None when nobody says.

        Raises:
            NotAnewError: it does not say that they signed in since they were asked to.
            ProviderAnswerError: it was too long ago for this provider's sessions here, or nobody says when.
        """
        moment = auth_time(claims)
        if pending.since:
            return self._anew(moment, pending)
        if self._longest is not None:
            self._check(moment, self._longest)
        return moment

    def _anew(self, moment: float | None, pending: PendingDeparture) -> float:
        """Return a moment that is not before the one that was asked for, by our clocks."""
        if moment is None:
            raise NotAnewError("a new sign-in was asked for, and the ID token has no auth_time")
        if moment < int(pending.begun) - self._skew:
            raise NotAnewError("a new sign-in was asked for, and auth_time is from before that")
        return max(moment, pending.begun, min(pending.since, pending.begun + SKEW))

    def _check(self, moment: float | None, longest: float) -> None:
        """Refuse a sign-in that is older than was asked for (OIDC Core §3.1.3.7, point 13)."""
        if moment is None:
            raise ProviderAnswerError("the provider does not say when the person signed in there (auth_time)")
        if self._clock.now() - moment > longest + self._skew:
            raise ProviderAnswerError("the sign-in at the provider is older than was asked for (auth_time)")

    def end(self, moment: float | None) -> float | None:
        """Return when a session here ends at the latest that began with a sign-in at this moment."""
        return None if self._longest is None or moment is None else moment + self._longest


def auth_time(claims: Mapping[str, Any]) -> float | None:
    """Return when an ID token says that the person signed in (OIDC Core §2)."""
    moment = claims.get("auth_time")
    if isinstance(moment, bool) or not isinstance(moment, int | float):
        return None
    try:
        return float(moment) if math.isfinite(moment) and moment > 0 else None
    except OverflowError:
        return None
