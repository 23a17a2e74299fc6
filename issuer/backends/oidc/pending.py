"""Sign-ins that have begun: each in a cookie of its own, so that several tabs can sign in at once.

The name of the cookie holds the `state`, which binds the answer to this very browser (RFC 6749 §10.12), and a
cookie is taken once. Nothing about a sign-in that has begun is kept here: the cookie is signed, because
whoever holds a browser could write another, for a code that was given to somebody else.
"""

import base64
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from itsdangerous import BadData, URLSafeSerializer
from werkzeug.wrappers import Response

from issuer.backend import Departure
from issuer.world import Clock, Randomness

LIFETIME = 600.0
"""Seconds within which somebody signs in."""
SKEW = 60.0
"""Seconds by which another machine of ours, where it began, may be ahead."""
MOST = 8
"""Sign-ins of a browser at the same time; the oldest are given up."""
LARGEST = 4000
"""Characters of a cookie's value; browsers keep cookies of 4096 bytes (RFC 6265 §6.1)."""


KEPT = {
    "instance": str,
    "nonce": str,
    "verifier": str,
    "wanted": str,
    "begun": float,
    "silent": bool,
    "since": float,
}
"""What a cookie holds of a `PendingDeparture`, in this order."""


@dataclass(frozen=True, slots=True)
class PendingDeparture:
    """A sign-in that has begun."""

    state: str
    instance: str
    nonce: str
    verifier: str
    """The PKCE code verifier (RFC 7636 §4.1)."""
    wanted: str
    begun: float
    silent: bool
    since: float
    """When a new sign-in was asked for (seconds since 1970), 0 when any will do."""


class Seal:
    """Signs cookies: what another wrote, or moved to another `state`, is nothing of ours."""

    def __init__(self, secret: str) -> None:
        """Take a secret that all machines of ours share, and nobody else."""
        self._secret = secret

    def dump(self, pending: PendingDeparture) -> str:
        """Return a sign-in as a cookie's value."""
        values = [getattr(pending, name) for name in KEPT]
        return self._signer(pending.state).dumps(values)

    def load(self, state: str, value: str) -> PendingDeparture | None:
        """Return what a cookie's value holds, None when that is nothing of ours."""
        try:
            values = dict(zip(KEPT, self._signer(state).loads(value), strict=True))
        except (BadData, ValueError, TypeError, RecursionError):
            return None
        if not all(
            isinstance(value, kind) for value, kind in zip(values.values(), KEPT.values(), strict=True)
        ):
            return None
        return PendingDeparture(state, **values) if values["nonce"] and values["verifier"] else None

    def _signer(self, state: str) -> URLSafeSerializer:
        how = {"key_derivation": "hmac", "digest_method": hashlib.sha256}
        return URLSafeSerializer(self._secret, f"a sign-in that has begun: {state}", signer_kwargs=how)


class PendingCookies:
    """The cookies of sign-ins that have begun."""

    def __init__(self, clock: Clock, randomness: Randomness, secure: bool, secret: str) -> None:
        """Choose a name: with https `__Host-` and `Secure`. The secret is that of the `Seal`."""
        self._seal = Seal(secret)
        self._clock = clock
        self._randomness = randomness
        self._secure = secure
        self._prefix = ("__Host-" if secure else "") + "issuer_oidc_"

    def new(self, instance: str, departure: Departure) -> PendingDeparture:
        """Return a sign-in that begins now; an address that is too long to keep becomes the home page."""
        state, nonce, verifier = (self._text(count) for count in (16, 16, 32))
        wanted, silent, since = departure.wanted, departure.silent, float(departure.since)
        pending = PendingDeparture(state, instance, nonce, verifier, wanted, self._clock.now(), silent, since)
        return pending if len(self._seal.dump(pending)) <= LARGEST else replace(pending, wanted="/")

    def _text(self, count: int) -> str:
        return base64.urlsafe_b64encode(self._randomness.bytes(count)).decode().rstrip("=")

    def keep(self, pending: PendingDeparture, cookies: Mapping[str, str], answer: Response) -> None:
        """Give a sign-in to the browser, and take back what is too old or too much."""
        others = sorted(self._others(cookies), key=lambda other: other.begun, reverse=True)
        for other in others[MOST - 1 :]:
            self.forget(other.state, answer)
        name = self._prefix + pending.state
        answer.set_cookie(name, self._seal.dump(pending), max_age=int(LIFETIME), **self._attributes)

    def _others(self, cookies: Mapping[str, str]) -> Iterator[PendingDeparture]:
        for name, value in cookies.items():
            if name.startswith(self._prefix):
                state = name.removeprefix(self._prefix)
                yield self._seal.load(state, value) or PendingDeparture(
                    state, "", "", "", "", 0.0, False, 0.0
                )

    def find(self, state: str, instance: str, cookies: Mapping[str, str]) -> PendingDeparture | None:
        """Return the sign-in that this browser began at this instance, and not too long ago."""
        found = self._seal.load(state, cookies.get(self._prefix + state, ""))
        if found is None or not state or found.instance != instance:
            return None
        return found if -SKEW <= self._clock.now() - found.begun < LIFETIME else None

    def forget(self, state: str, answer: Response) -> None:
        """Take a sign-in back from the browser."""
        answer.delete_cookie(self._prefix + state, **self._attributes)

    @property
    def _attributes(self) -> dict[str, Any]:
        return {"path": "/", "secure": self._secure, "httponly": True, "samesite": "Lax"}
