"""Sign-ins that have begun: what is long travels sealed in `state`, and a small cookie opens it.

The cookie holds a random key, and when the sign-in began. From that key and the gateway's own secret come
the seal of `state`, the nonce and the PKCE verifier. So an answer counts in the browser that asked alone
(RFC 6749 §10.12), whoever holds a browser cannot write a sign-in of their own for a code that was given to
somebody else, and the provider does not read where people go. A cookie is taken once.

There are a few names for these cookies, and no more: whatever a foreign page makes a browser begin, Apache's
limit for a request header (8190 bytes) stays far away. Several tabs can sign in at once.
"""

import base64
import binascii
import json
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from werkzeug.wrappers import Response

from issuer.backend import Departure
from issuer.crypto.sealing import Sealer, derived
from issuer.world import Clock, Randomness

LIFETIME = 600.0
"""Seconds within which somebody signs in."""
SKEW = 60.0
"""Seconds by which another machine of ours, where it began, may be ahead."""
SLOTS = "0123456789abcdef"
"""Sign-ins of a browser at the same time, each by one character; the oldest are given up."""
LONGEST_STATE = 4000
"""Characters; Keycloak takes no longer parameter."""
LONGEST_CONTENT = 20_000
KEY_BYTES = 32
SEAL = b"issuer oidc sign-in: state"
NONCE = b"issuer oidc sign-in: nonce"
VERIFIER = b"issuer oidc sign-in: verifier"
COOKIE = re.compile(r"([0-9]{1,12})\.([A-Za-z0-9_-]{43})", re.ASCII)

KEPT = {"instance": str, "wanted": str, "begun": float, "silent": bool, "since": float}
"""What `state` holds of a `PendingDeparture`, in this order."""


@dataclass(frozen=True, slots=True)
class PendingDeparture:
    """A sign-in that has begun."""

    slot: str
    """Which of our cookies it has."""
    key: str
    """What that cookie holds."""
    instance: str
    wanted: str
    begun: float
    silent: bool
    since: float
    """When a new sign-in was asked for (seconds since 1970), 0 when any will do."""


class Seal:
    """What comes of the key of one sign-in and a secret that all machines of ours share, and nobody else."""

    def __init__(self, secret: str, key: str, randomness: Randomness) -> None:
        self._secret = f"{key} {secret}"
        self._randomness = randomness

    @property
    def nonce(self) -> str:
        """Return what the ID token must repeat (OIDC Core §3.1.2.1)."""
        return _text(derived(self._secret, NONCE))

    @property
    def verifier(self) -> str:
        """Return the PKCE code verifier (RFC 7636 §4.1)."""
        return _text(derived(self._secret, VERIFIER))

    def dump(self, pending: PendingDeparture) -> str:
        """Return a sign-in as `state`."""
        content = json.dumps([getattr(pending, name) for name in KEPT]).encode()
        sealer = Sealer(self._secret, SEAL, self._randomness)
        return pending.slot + _text(sealer.seal_bytes(zlib.compress(content), pending.slot))

    def load(self, state: str, key: str) -> PendingDeparture | None:
        """Return what a `state` holds, None when that is nothing of ours."""
        slot = state[:1]
        sealed = Sealer(self._secret, SEAL, self._randomness).open_bytes(_data(state[1:]), slot)
        try:
            content = zlib.decompressobj().decompress(sealed or b"", LONGEST_CONTENT)
            values = dict(zip(KEPT, json.loads(content), strict=True))
        except (zlib.error, ValueError, TypeError, RecursionError):
            return None
        kinds = zip(values.values(), KEPT.values(), strict=True)
        return PendingDeparture(slot, key, **values) if all(isinstance(*pair) for pair in kinds) else None


class PendingCookies:
    """The cookies of sign-ins that have begun."""

    def __init__(self, clock: Clock, randomness: Randomness, secure: bool, secret: str) -> None:
        """Choose a name: with https `__Host-` and `Secure`. The secret is that of the `Seal`."""
        self._secret = secret
        self._clock = clock
        self._randomness = randomness
        self._secure = secure
        self._prefix = ("__Host-" if secure else "") + "issuer_oidc_"

    def seal(self, key: str) -> Seal:
        """Return the seal of a sign-in."""
        return Seal(self._secret, key, self._randomness)

    def new(self, instance: str, departure: Departure, cookies: Mapping[str, str]) -> PendingDeparture:
        """Return a sign-in that begins now; an address that is too long to keep becomes the home page."""
        slot, key = self._slot(cookies), _text(self._randomness.bytes(KEY_BYTES))
        wanted, since = departure.wanted, float(departure.since)
        begun = PendingDeparture(slot, key, instance, wanted, self._clock.now(), departure.silent, since)
        return begun if len(self.seal(key).dump(begun)) <= LONGEST_STATE else replace(begun, wanted="/")

    def _slot(self, cookies: Mapping[str, str]) -> str:
        """Return a free slot, any of them since other tabs may begin just now; else the oldest."""
        ages = {slot: self._begun(cookies.get(self._prefix + slot, "")) for slot in SLOTS}
        oldest = min(ages.values())
        free = [slot for slot, begun in ages.items() if begun == oldest]
        return free[self._randomness.bytes(1)[0] % len(free)]

    def _begun(self, value: str) -> float:
        """Return when the sign-in of a cookie began, 0 when it is over or none."""
        found = COOKIE.fullmatch(value)
        begun = float(found[1]) if found else 0.0
        return begun if self._clock.now() - begun < LIFETIME else 0.0

    def keep(self, pending: PendingDeparture, answer: Response) -> None:
        """Give the key of a sign-in to the browser."""
        value = f"{pending.begun:.0f}.{pending.key}"
        answer.set_cookie(self._prefix + pending.slot, value, max_age=int(LIFETIME), **self._attributes)

    def find(self, state: str, instance: str, cookies: Mapping[str, str]) -> PendingDeparture | None:
        """Return the sign-in that this browser began at this instance, and not too long ago."""
        value = COOKIE.fullmatch(cookies.get(self._prefix + state[:1], ""))
        if value is None or len(state) > LONGEST_STATE:
            return None
        found = self.seal(value[2]).load(state, value[2])
        if found is None or found.instance != instance:
            return None
        return found if -SKEW <= self._clock.now() - found.begun < LIFETIME else None

    def forget(self, pending: PendingDeparture, answer: Response) -> None:
        """Take a sign-in back from the browser."""
        answer.delete_cookie(self._prefix + pending.slot, **self._attributes)

    @property
    def _attributes(self) -> dict[str, Any]:
        return {"path": "/", "secure": self._secure, "httponly": True, "samesite": "Lax"}


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _data(text: str) -> bytes:
    """Return what a text in base64url says, nothing when it is none."""
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return b""
