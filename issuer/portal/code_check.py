"""Checks codes of the second factor, under the same limits as passwords."""

from collections.abc import Callable

from issuer import audit
from issuer.errors import UnavailableError
from issuer.identity import Identity
from issuer.metrics import Metrics
from issuer.portal.current import Current
from issuer.portal.limits import Limits
from issuer.second_factor import Factors


class CodeCheck:
    """Checks a code, once: a right one is used up."""

    def __init__(self, factors: Factors, limits: Limits, current: Current, metrics: Metrics) -> None:
        """Keep what checking needs."""
        self._factors = factors
        self._limits = limits
        self._current = current
        self._metrics = metrics

    def of_app(self, identity: Identity, account: str, typed: str) -> bool:
        """Tell whether somebody's app shows this code, and it was not used before.

        Raises:
            TooManyRequestsError: there were too many wrong ones.
        """
        return self._checked(identity, account, lambda: self._factors.accepts(identity, typed))

    def of_recovery(self, identity: Identity, account: str, typed: str) -> bool:
        """Tell whether somebody has this recovery code; raises the same."""
        right = self._checked(identity, account, lambda: self._factors.recovers(identity, typed))
        if right:
            left = self._factors.codes_left(identity)
            audit.recovery_code_used(identity, self._current.address(), left)
        return right

    def enrolled(self, identity: Identity, account: str, sealed: bytes, typed: str) -> list[str] | None:
        """Return recovery codes for whoever set an app up, None when the code is wrong; raises the same."""
        codes: list[str] = []

        def enrol() -> bool:
            codes.extend(self._factors.enrol(identity, sealed, typed) or ())
            return bool(codes)

        if not self._checked(identity, account, enrol):
            return None
        audit.second_factor_set_up(identity, self._current.address())
        return codes

    def _checked(self, identity: Identity, account: str, check: Callable[[], bool]) -> bool:
        visitor = self._current.visitor()
        attempt = self._limits.begin(f"code:{identity.backend}:{identity.subject}", account, visitor)
        try:
            right = check()
        except UnavailableError:
            attempt.take_back()
            raise
        if right:
            attempt.succeed()
        else:
            audit.second_factor_failed(identity, visitor.address)
            self._metrics.sign_in("failed")
        return right
