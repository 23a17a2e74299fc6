"""The key ring as a worker uses it: look-ups in a snapshot that is swapped as a whole, without a lock."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from issuer.keys.loader import LoadedKey, Loader
from issuer.keys.material import default_kind, secret_of
from issuer.keys.model import KeyRingError, KeyState, KeysUnknownError, Kty, PublicKey, SigningKey
from issuer.runtime import about_to_block
from issuer.world import Clock

_ALGORITHMS: dict[str, Kty] = {"RS256": "RSA", "RS384": "RSA", "RS512": "RSA", "ES256": "EC", "EdDSA": "OKP"}

LOOK_EVERY = 1.0
"""Seconds between looks at the directory while nothing unknown is asked for."""
BOUND = 2.0
"""Seconds after which what a look found counts no more: whoever needs a key then waits for the next look."""
LONGEST_WAIT = 5.0
"""Seconds for which a thread waits for the look of another."""

_ORDER = (KeyState.ACTIVE, KeyState.NEXT, KeyState.RETIRED)


@dataclass(frozen=True, slots=True)
class _Snapshot:
    by_kid: Mapping[str, LoadedKey]
    by_digest: Mapping[str, LoadedKey]
    signing: Mapping[tuple[str, str], SigningKey]

    @classmethod
    def of(cls, loaded: tuple[LoadedKey, ...]) -> Self:
        keys = sorted(loaded, key=lambda k: (_ORDER.index(k.record.state), k.record.created, k.record.kid))
        # While a rotation is under way there may be two active keys: the younger one signs.
        active = sorted(
            (key for key in keys if key.record.state is KeyState.ACTIVE),
            key=lambda key: key.record.age,
        )
        return cls(
            {key.record.kid: key for key in keys},
            {key.signing.public.kid_sha256: key for key in keys},
            {key.record.slot: key.signing for key in active},
        )


class KeyRing:
    """The keys of a directory, which other processes may change at any time.

    `retention` is how many seconds a retired key stays published: the longest lifetime of any token plus
    `RETENTION_MARGIN`. Every look-up raises `KeysUnknownError` when the directory was last read `BOUND` ago
    or earlier: a key that was removed counts no more, whatever keeps us from seeing that.
    """

    def __init__(self, directory: Path, clock: Clock, *, retention: float) -> None:
        self._directory = directory
        self._clock = clock
        self._retention = retention
        self._loader = Loader(directory)
        self._looking = threading.Lock()
        self._snapshot = _Snapshot.of(())
        self._seen_at = clock.monotonic()
        self._latest()

    def signing_key(self, use: str, algorithm: str) -> SigningKey:
        """Return the active key of a use that fits a JWS algorithm.

        Raises:
            KeyRingError: there is none; the message says what to run.
        """
        slot = use, family_for(algorithm)
        key = self._current().signing.get(slot) or self._latest().signing.get(slot)
        if key is None:
            raise KeyRingError(
                f"There is no active {slot[1]} key of the use {use!r} in {self._directory}, which "
                f"{algorithm} needs: run `issuer keys generate --use {use} --type {default_kind(slot[1])}`."
            )
        return key

    def secrets(self, use: str, purpose: bytes) -> tuple[bytes, ...]:
        """Return secrets that all machines with this ring share, derived from the published keys of a use.

        The first one signs; what another one signed before its key was retired can still be verified.

        Raises:
            KeyRingError: there is no key of this use; the message says what to run.
        """
        keys = [key for key in self._current().by_kid.values() if self._published(key, use)]
        if not keys:
            raise KeyRingError(
                f"There is no key of the use {use!r} in {self._directory}: "
                f"run `issuer keys generate --use {use}`."
            )
        return tuple(secret_of(key.signing.private, purpose) for key in keys)

    def public_keys(self, use: str | None = None) -> tuple[PublicKey, ...]:
        """Return all published keys, or those of a use: active, then next, then retired ones."""
        found = (self._published(key, use) for key in self._latest().by_kid.values())
        return tuple(key for key in found if key)

    def by_kid(self, kid: str) -> PublicKey | None:
        """Return the published key that a kid names; an unknown one makes the ring look again at once."""
        return self._published(self._current().by_kid.get(kid)) or self._published(
            self._latest().by_kid.get(kid)
        )

    def by_kid_sha256(self, digest: str, use: str) -> PublicKey | None:
        """Return the published key of a use, by the lower-case hex SHA-256 of its kid."""
        return self._published(self._current().by_digest.get(digest), use) or self._published(
            self._latest().by_digest.get(digest), use
        )

    def derived(self, purpose: bytes) -> Iterator[tuple[str, bytes]]:
        """Return, for each key, its kid and a secret for one purpose (HKDF, RFC 5869); the oldest first.

        Every machine that has the keys has the same, and nobody else.
        """
        keys = sorted(self._current().by_kid.values(), key=lambda key: (key.record.created, key.record.kid))
        return ((key.record.kid, secret_of(key.signing.private, purpose)) for key in keys)

    def jwks(self) -> dict[str, list[dict[str, str]]]:
        """Return all published keys as a JWK Set (RFC 7517 §5)."""
        return {"keys": [dict(key.jwk) for key in self.public_keys()]}

    def _published(self, key: LoadedKey | None, use: str | None = None) -> PublicKey | None:
        if key is None or (use is not None and key.record.use != use):
            return None
        return key.signing.public if key.record.published(self._clock.now(), self._retention) else None

    def _current(self) -> _Snapshot:
        """Return what was known at most `BOUND` ago; now and then one thread looks first.

        The others wait for it only when what is known is too old, and not without end: a key that was removed
        signs no longer, however long a look takes, or nobody asked.
        """
        asked_at = self._clock.monotonic()
        age = asked_at - self._seen_at
        if age >= LOOK_EVERY and self._may_look(wait=age >= BOUND):
            try:
                if self._seen_at < asked_at:
                    self._look()
            finally:
                self._looking.release()
        return self._known_at(asked_at)

    def _may_look(self, wait: bool) -> bool:
        if self._looking.acquire(blocking=False):
            return True
        if wait:
            about_to_block()
            wait = self._looking.acquire(timeout=LONGEST_WAIT)
        return wait

    def _latest(self) -> _Snapshot:
        """Return what the directory has now, or, while it cannot be read, what it had at most `BOUND` ago."""
        asked_at = self._clock.monotonic()
        if self._may_look(wait=True):
            try:
                self._look()
            finally:
                self._looking.release()
        return self._known_at(asked_at)

    def _known_at(self, asked_at: float) -> _Snapshot:
        if (age := asked_at - self._seen_at) >= BOUND:
            raise KeysUnknownError(f"the key directory {self._directory} has not been read for {age:.0f} s")
        return self._snapshot

    def _look(self) -> None:
        began = self._clock.monotonic()
        with suppress(KeysUnknownError):
            loaded = self._loader.look()
            if loaded is not None:
                self._snapshot = _Snapshot.of(loaded)
            self._seen_at = began


def family_for(algorithm: str) -> Kty:
    """Return the key type that signs with a JWS algorithm (RFC 7518 §3.1, RFC 8037 §3.1)."""
    if algorithm not in _ALGORITHMS:
        raise KeyRingError(f"No key signs with {algorithm!r}: use one of {', '.join(_ALGORITHMS)}.")
    return _ALGORITHMS[algorithm]
