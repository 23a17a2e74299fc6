"""The keys that another server publishes."""

import logging
import threading

from issuer.bearer.errors import KeysUnavailableError
from issuer.bearer.jwks import JwkSet, PublicKey
from issuer.upstream import BadAnswerError, Party, Upstream, UpstreamCall, UpstreamError, UpstreamResponse
from issuer.world import Clock

_log = logging.getLogger(__name__)

LEAST_PAUSE = 60.0
"""Seconds between two looks at the keys, whatever unknown names strangers ask for."""
FIRST_PAUSE = 5.0
"""The same while no key was ever seen: whoever starts before the other server does shall not wait long."""
FRESH = 600.0
"""Seconds after which the keys are looked at again: one that was withdrawn is believed no longer."""
LONGEST = 24 * 3600.0
"""Seconds for which keys are believed when the server cannot be asked again."""


class RemoteKeys:
    """The keys at an address of the configuration, kept, and fetched by one thread at a time."""

    def __init__(self, upstream: Upstream, clock: Clock, url: str) -> None:
        self._upstream = upstream
        self._clock = clock
        self._call = UpstreamCall(url, Party.OPERATOR, headers={"Accept": "application/json"})
        self._place = url.partition("?")[0]
        self._fetching = threading.Lock()
        self._keys = JwkSet()
        self._learnt: float | None = None
        self._look_at = clock.monotonic()

    def key(self, kid: str | None, algorithm: str) -> PublicKey | None:
        """Return the key that a token's header means, None when the server publishes none such.

        An unknown one makes us look again, at most once a minute.

        Raises:
            KeysUnavailableError: the server was never reached, or not for a day.
            issuer.upstream.TooManyCallsError: too many threads wait for it.
        """
        known = self._known(kid, algorithm)
        if known is None:
            self._look()
            known = self._known(kid, algorithm)
        elif self._age() > FRESH:
            self._look_alone()
        if known is None and self._age() > LONGEST:
            raise KeysUnavailableError(f"no keys of {self._place}")
        return known

    def _known(self, kid: str | None, algorithm: str) -> PublicKey | None:
        return self._keys.find(kid, algorithm) if self._age() <= LONGEST else None

    def _age(self) -> float:
        return self._clock.monotonic() - self._learnt if self._learnt is not None else float("inf")

    def _look(self) -> None:
        """Look, or wait for the thread that does; counted among the threads that wait for this server."""
        if self._clock.monotonic() < self._look_at and not self._fetching.locked():
            return
        with self._upstream.held(self._place, Party.OPERATOR), self._fetching:
            self._fetch()

    def _look_alone(self) -> None:
        """Look, unless another thread does: what is known is good enough meanwhile."""
        if self._fetching.acquire(blocking=False):
            try:
                self._fetch()
            finally:
                self._fetching.release()

    def _fetch(self) -> None:
        if self._clock.monotonic() < self._look_at:
            return
        try:
            self._keys = self.ask()
            self._learnt = self._clock.monotonic()
        except UpstreamError as error:
            _log.warning("no keys of %s: %s", self._place, error)
        pause = LEAST_PAUSE if self._learnt is not None else FIRST_PAUSE
        self._look_at = self._clock.monotonic() + pause

    def ask(self) -> JwkSet:
        """Return what the server publishes now, whatever is known.

        Raises:
            issuer.upstream.UpstreamError: it cannot be asked, or publishes no key that can be used.
        """
        seconds = self._upstream.settings.total_timeout + 1
        return self._read(self._upstream.call(self._upstream.fetch(self._call), seconds))

    def _read(self, answer: UpstreamResponse) -> JwkSet:
        if answer.status != 200:
            raise BadAnswerError(f"status {answer.status}; redirects are not followed")
        try:
            found = JwkSet.parse(answer.json())
        except ValueError as error:
            raise BadAnswerError(str(error)) from None
        if not len(found):
            raise BadAnswerError("the key set holds no key that can verify a signature")
        return found
