"""The limits of guessing: failures are counted for what is guessed at, and for the address they come from."""

import hashlib
import ipaddress
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from issuer.authentication.identities.resolver import normal_login
from issuer.authentication.sessions import Visitor
from issuer.errors import TooManyRequestsError
from issuer.observability import audit
from issuer.observability.metrics import Metrics
from issuer.settings.models import SignInSettings
from issuer.store import AttemptPolicy, Attempts, Limit, Quota

NETWORKS = 10
"""How many networks must guess at one account, as fast as each may, before all others wait too."""
SITE = 48
"""Bits that the IPv6 addresses of one customer share at the most (RFC 6177 §2)."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt that counts as a failure until it is said to be none."""

    _attempts: Attempts
    _bucket: str
    _limits: Mapping[str, Limit]

    def succeed(self) -> None:
        """Forget what failed here; of all else, only this attempt is taken back."""
        self._attempts.take_back(self._limits, cleared=self._bucket)

    def take_back(self) -> None:
        """Let it be as if it had not been: it was neither right nor wrong."""
        self._attempts.take_back(self._limits)


class SignInThrottle:
    """Counts attempts."""

    def __init__(
        self,
        attempts: Attempts,
        settings: SignInSettings,
        metrics: Metrics,
        log_name: Callable[[str], str],
    ) -> None:
        """Keep where failures are counted, how many are free, and what the log calls an account."""
        self._log_name = log_name
        self._attempts = attempts
        self._metrics = metrics
        self._of_one = _policy(settings, settings.account_attempts)
        self._of_address = _policy(settings, settings.address_attempts)
        span = settings.forget_after
        self._of_all = Quota(NETWORKS * self._of_one.most(span), span)

    def begin(self, bucket: str, account: str, visitor: Visitor) -> Attempt:
        """Count an attempt on what a bucket stands for; `account` is whose it is.

        Raises:
            TooManyRequestsError: there were too many failures.
        """
        return self._begin(bucket, {bucket: self._of_one}, account, visitor)

    def begin_as_stranger(self, account: str, visitor: Visitor) -> Attempt:
        """Count an attempt on an account by a browser that it does not know.

        It pauses the visitor's network first; all of them only when many networks guess.

        Raises:
            TooManyRequestsError: there were too many failures.
        """
        whole = account_bucket(account)
        bucket = f"{whole}|{network(visitor.address)}"
        return self._begin(bucket, {bucket: self._of_one, whole: self._of_all}, account, visitor)

    def _begin(self, bucket: str, limits: Mapping[str, Limit], account: str, visitor: Visitor) -> Attempt:
        limits = {**limits, address_bucket(visitor.address): self._of_address}
        pause = self._attempts.reserve_all(limits)
        if pause is not None:
            limit = "everywhere" if limits[pause.bucket] is self._of_all else pause.bucket.partition(":")[0]
            audit.sign_in_paused(limit, self._log_name(account), visitor.address, pause.seconds)
            self._metrics.sign_in("paused")
            wait = math.ceil(pause.seconds)
            raise TooManyRequestsError(f"sign-in paused by the limit of its {limit}", wait)
        return Attempt(self._attempts, bucket, limits)


def _policy(settings: SignInSettings, free: int) -> AttemptPolicy:
    return AttemptPolicy(free, settings.first_wait, settings.longest_wait, settings.forget_after)


def network(address: str) -> str:
    """Return whose attempts on one account are counted together: an IPv4 address, or a site of IPv6."""
    return _network(address, SITE)


def address_bucket(address: str) -> str:
    """Return the bucket of an address; one IPv6 customer has at least a /64 network (RFC 6177)."""
    return f"address:{_network(address, 64)}"


def _network(address: str, bits: int) -> str:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    if parsed.version == 6:
        mapped = parsed.ipv4_mapped
        return str(mapped or ipaddress.ip_network((parsed, bits), strict=False))
    return str(parsed)


def account_key(login: str) -> str:
    """Return the name under which an account's failures are counted and its browsers remembered.

    It is a hash: people type passwords where the login belongs, and no table may have them. The log has a
    keyed one (`log_names`).
    """
    return hashlib.sha256(normal_login(login).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def account_bucket(account: str) -> str:
    """Return the bucket of an account: what browsers that it does not know fail at, from anywhere."""
    return f"account:{account}"
