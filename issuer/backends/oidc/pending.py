"""Sign-ins that have begun: each in a cookie of its own, so that several tabs can sign in at once.

The name of the cookie holds the `state`, which binds the answer to this very browser (RFC 6749 §10.12), and a
cookie is taken once. Nothing about a sign-in that has begun is kept here.
"""

import base64
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from werkzeug.wrappers import Response

from issuer.world import Clock, Randomness

LIFETIME = 600.0
"""Seconds within which somebody signs in."""
SKEW = 60.0
"""Seconds by which another machine of ours, where it began, may be ahead."""
MOST = 8
"""Sign-ins of a browser at the same time; the oldest are given up."""
LARGEST = 4000
"""Characters of a cookie's value; browsers keep cookies of 4096 bytes (RFC 6265 §6.1)."""


@dataclass(frozen=True, slots=True)
class Pending:
    """A sign-in that has begun."""

    state: str
    instance: str
    nonce: str
    verifier: str
    """The PKCE code verifier (RFC 7636 §4.1)."""
    wanted: str
    begun: float
    silent: bool

    def dump(self) -> str:
        """Return it as a cookie's value."""
        values = [self.instance, self.nonce, self.verifier, self.wanted, self.begun, self.silent]
        return base64.urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")


def load(state: str, value: str) -> Pending | None:
    """Return what a cookie's value holds, None when that is nothing of ours."""
    try:
        values = json.loads(base64.urlsafe_b64decode(value + "=" * (-len(value) % 4)))
        instance, nonce, verifier, wanted, begun, silent = values
    except (ValueError, TypeError, RecursionError):
        return None
    if not all(isinstance(text, str) for text in (instance, nonce, verifier, wanted)):
        return None
    if not isinstance(begun, float) or not isinstance(silent, bool):
        return None
    return Pending(state, instance, nonce, verifier, wanted, begun, silent)


class PendingCookies:
    """The cookies of sign-ins that have begun."""

    def __init__(self, clock: Clock, randomness: Randomness, secure: bool) -> None:
        """Choose a name: with https `__Host-` and `Secure`."""
        self._clock = clock
        self._randomness = randomness
        self._secure = secure
        self._prefix = ("__Host-" if secure else "") + "issuer_oidc_"

    def new(self, instance: str, wanted: str, silent: bool) -> Pending:
        """Return a sign-in that begins now; an address that is too long to keep becomes the home page."""
        state, nonce, verifier = (self._text(count) for count in (16, 16, 32))
        pending = Pending(state, instance, nonce, verifier, wanted, self._clock.now(), silent)
        return pending if len(pending.dump()) <= LARGEST else replace(pending, wanted="/")

    def _text(self, count: int) -> str:
        return base64.urlsafe_b64encode(self._randomness.bytes(count)).decode().rstrip("=")

    def keep(self, pending: Pending, cookies: Mapping[str, str], answer: Response) -> None:
        """Give a sign-in to the browser, and take back what is too old or too much."""
        others = sorted(self._others(cookies), key=lambda other: other.begun, reverse=True)
        for other in others[MOST - 1 :]:
            self.forget(other.state, answer)
        name = self._prefix + pending.state
        answer.set_cookie(name, pending.dump(), max_age=int(LIFETIME), **self._attributes)

    def _others(self, cookies: Mapping[str, str]) -> Iterator[Pending]:
        for name, value in cookies.items():
            if name.startswith(self._prefix):
                state = name.removeprefix(self._prefix)
                yield load(state, value) or Pending(state, "", "", "", "", 0.0, False)

    def find(self, state: str, instance: str, cookies: Mapping[str, str]) -> Pending | None:
        """Return the sign-in that this browser began at this instance, and not too long ago."""
        found = load(state, cookies.get(self._prefix + state, ""))
        if found is None or not state or found.instance != instance:
            return None
        return found if -SKEW <= self._clock.now() - found.begun < LIFETIME else None

    def forget(self, state: str, answer: Response) -> None:
        """Take a sign-in back from the browser."""
        answer.delete_cookie(self._prefix + state, **self._attributes)

    @property
    def _attributes(self) -> dict[str, Any]:
        return {"path": "/", "secure": self._secure, "httponly": True, "samesite": "Lax"}
