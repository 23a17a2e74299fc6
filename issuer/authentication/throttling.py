"""The limits of guessing: failures are counted for what is guessed at, and for the address they come from."""

import hashlib
import ipaddress
import math
from collections.abc import Callable
from dataclasses import dataclass

from issuer.authentication.identities.resolver import normal_login
from issuer.authentication.sessions import Visitor
from issuer.errors import TooManyRequestsError
from issuer.observability import audit
from issuer.observability.metrics import Metrics
from issuer.settings.models import SignInSettings
from issuer.store import AttemptPolicy, Attempts


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt that counts as a failure until it is said to be none."""

    _attempts: Attempts
    _bucket: str
    _address: str

    def succeed(self) -> None:
        """Forget the failures of what was guessed at; of the address, only this attempt is taken back."""
        self._attempts.succeed(self._bucket, self._address)

    def take_back(self) -> None:
        """Let it be as if it had not been: it was neither right nor wrong."""
        self._attempts.release(self._bucket, self._address)


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
        self._settings = settings
        self._metrics = metrics

    def begin(self, bucket: str, account: str, visitor: Visitor) -> Attempt:
        """Count an attempt on what a bucket stands for; `account` is whose it is.

        Raises:
            TooManyRequestsError: there were too many failures.
        """
        address = address_bucket(visitor.address)
        free = {bucket: self._settings.account_attempts, address: self._settings.address_attempts}
        policies = {name: self._policy(number) for name, number in free.items()}
        pause = self._attempts.reserve_all(policies)
        if pause is not None:
            limit = pause.bucket.partition(":")[0]
            audit.sign_in_paused(limit, self._log_name(account), visitor.address, pause.seconds)
            self._metrics.sign_in("paused")
            wait = math.ceil(pause.seconds)
            raise TooManyRequestsError(f"sign-in paused by the limit of its {limit}", wait)
        return Attempt(self._attempts, bucket, address)

    def _policy(self, free: int) -> AttemptPolicy:
        settings = self._settings
        return AttemptPolicy(free, settings.first_wait, settings.longest_wait, settings.forget_after)


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


def account_key(login: str) -> str:
    """Return the name under which an account's failures are counted and its browsers remembered.

    It is a hash: people type passwords where the login belongs, and no table may have them. The log has a
    keyed one (`log_names`).
    """
    return hashlib.sha256(normal_login(login).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def account_bucket(account: str) -> str:
    """Return the bucket of failures that a stranger's attempts on an account are counted in."""
    return f"account:{account}"
