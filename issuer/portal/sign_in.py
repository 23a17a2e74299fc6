"""Checks a login and a password: limits first, then the form backends in order.

An account's limit counts only strangers: a browser that holds the cookie of an earlier successful sign-in to
that account has a limit of its own, so that nobody can lock anybody out.
"""

import base64
import hashlib
import ipaddress
import logging
import math
from collections.abc import Iterable
from dataclasses import dataclass, field

from issuer import audit
from issuer.accounts import account_bucket, account_key
from issuer.admission import Admission
from issuer.backend import BackendServices, FormBackend
from issuer.errors import TooManyRequestsError, UnavailableError
from issuer.identity import Identity
from issuer.metrics import Metrics
from issuer.sessions import Visitor
from issuer.settings.models import SignInSettings
from issuer.store import AttemptPolicy

TOKEN_BYTES = 32

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Typed:
    """What somebody typed into the form."""

    login: str
    password: str = field(repr=False)


class PartlyUnavailableError(UnavailableError):
    """A backend cannot tell, and another says no: that counts, or an outage would let people guess freely."""


class SignIn:
    """Signs people in with a login and a password."""

    def __init__(
        self,
        admission: Admission,
        services: BackendServices,
        settings: SignInSettings,
        metrics: Metrics,
    ) -> None:
        """Keep what signing in needs."""
        self._admission = admission
        self._store = services.store
        self._clock = services.clock
        self._randomness = services.randomness
        self._settings = settings
        self._metrics = metrics

    def attempt(
        self, typed: Typed, visitor: Visitor, browser: str | None, backends: Iterable[FormBackend]
    ) -> Identity | None:
        """Return who this is, or None when login and password do not match.

        Raises:
            TooManyRequestsError: there were too many failures.
            UnavailableError: nobody was found, and a backend could not tell.
            issuer.errors.IdentityRefusedError: it matches, and the user name is somebody else's.
        """
        login = typed.login
        account = account_key(login)
        buckets = [self._account_bucket(account, browser), address_bucket(visitor.address)]
        self._reserve(buckets, account, visitor)
        try:
            identity = self._authenticate(typed, backends)
        except UnavailableError as error:
            if not isinstance(error, PartlyUnavailableError):
                for bucket in buckets:
                    self._store.attempts.release(bucket)
            raise
        if identity is None:
            audit.sign_in_failed(account, visitor.address)
            self._metrics.sign_in("failed")
            return None
        self._store.attempts.clear(buckets[0])
        self._store.attempts.release(buckets[1])
        return self._admission.admit(identity)

    def _authenticate(self, typed: Typed, backends: Iterable[FormBackend]) -> Identity | None:
        """Try one backend after the other; while one is unavailable, nobody hears that they are wrong."""
        if not typed.login.strip() or not typed.password or "\0" in typed.login + typed.password:
            return None
        unavailable: UnavailableError | None = None
        refused = False
        for backend in backends:
            try:
                identity = backend.authenticate(typed.login, typed.password)
            except UnavailableError as error:
                _log.warning("backends.%s: %s", backend.instance, error)
                unavailable = error
            else:
                if identity is not None:
                    return identity
                refused = True
        if unavailable is not None:
            raise PartlyUnavailableError(str(unavailable)) if refused else unavailable
        return None

    def _account_bucket(self, account: str, browser: str | None) -> str:
        if browser and self._store.browsers.knows(hash_token(browser), account):
            return f"browser:{hash_token(browser).hex()}:{account}"
        return account_bucket(account)

    def _reserve(self, buckets: list[str], account: str, visitor: Visitor) -> None:
        attempts = (self._settings.account_attempts, self._settings.address_attempts)
        for bucket, free in zip(buckets, attempts, strict=True):
            wait = self._store.attempts.reserve(bucket, self._policy(free))
            if wait > 0:
                limit = bucket.partition(":")[0]
                audit.sign_in_paused(limit, account, visitor.address, wait)
                self._metrics.sign_in("paused")
                raise TooManyRequestsError(f"sign-in paused by the limit of its {limit}", math.ceil(wait))

    def _policy(self, free: int) -> AttemptPolicy:
        settings = self._settings
        return AttemptPolicy(free, settings.first_wait, settings.longest_wait, settings.forget_after)

    def remember(self, login: str, browser: str | None) -> str:
        """Remember a browser that signed in, and return the token that it is known by."""
        token = self._browser_token(account_key(login), browser)
        expires = self._clock.now() + self._settings.browser_memory
        self._store.browsers.remember(hash_token(token), account_key(login), expires)
        return token

    def _browser_token(self, account: str, browser: str | None) -> str:
        """Keep a token that this account knows; never adopt one that somebody else may have planted."""
        if browser and self._store.browsers.knows(hash_token(browser), account):
            return browser
        return base64.urlsafe_b64encode(self._randomness.bytes(TOKEN_BYTES)).decode().rstrip("=")


def address_bucket(address: str) -> str:
    """Return the bucket of an address; one IPv6 customer has a /64 network (RFC 6177)."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return "address:unknown"
    if parsed.version == 6:
        mapped = parsed.ipv4_mapped
        return f"address:{mapped or ipaddress.ip_network((parsed, 64), strict=False)}"
    return f"address:{parsed}"


def hash_token(token: str) -> bytes:
    """Return the SHA-256 of a browser's token: what the store knows of it."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
