"""Checks codes of the second factor, under the same limits as passwords.

Three things are guessed at, each with failures of its own: the codes of an app by strangers, those by a
browser of the person, and recovery codes. Nobody guesses one of those: their failures are counted for each
address.
"""

from collections.abc import Callable

from flask import request

from issuer.authentication.current_session import CurrentSession
from issuer.authentication.factors import Factors
from issuer.authentication.methods.password import PasswordSignIn, hash_token
from issuer.authentication.throttling import address_bucket
from issuer.errors import GatewayError
from issuer.identity import Identity
from issuer.observability import audit
from issuer.observability.metrics import Metrics
from issuer.web.cookies import Cookies

Reading = Callable[[], Identity]
"""Reads somebody again."""
FinishWith = Callable[[Callable[[], list[str] | None]], list[str] | None]


class CodeCheck:
    """Checks a code, once: a right one is used up."""

    def __init__(
        self,
        factors: Factors,
        sign_in: PasswordSignIn,
        cookies: Cookies,
        current: CurrentSession,
        metrics: Metrics,
    ) -> None:
        self._factors = factors
        self._sign_in = sign_in
        self._cookies = cookies
        self._current = current
        self._metrics = metrics

    def of_app(
        self, identity: Identity, account: str, typed: str, read: Reading | None = None
    ) -> Identity | None:
        """Return whose app shows this code, which was not used before; None when it is wrong.

        Args:
            identity: whose code it should be.
            account: under which failures are counted.
            typed: the code.
            read: reads the person again, before the code is used up.

        Raises:
            TooManyRequestsError: there were too many wrong ones.
            GatewayError: what `read` raises; then it was no attempt.
        """
        bucket = self._bucket(identity, account)
        return self._checked(bucket, identity, account, lambda who: self._factors.accepts(who, typed), read)

    def of_recovery(
        self, identity: Identity, account: str, typed: str, read: Reading | None = None
    ) -> Identity | None:
        """Return who has this recovery code; takes and raises the same."""
        bucket = f"recovery:{address_bucket(self._current.address())}:{self._key(identity)}"
        found = self._checked(bucket, identity, account, lambda who: self._factors.recovers(who, typed), read)
        if found:
            left = self._factors.codes_left(found)
            audit.recovery_code_used(found, self._current.address(), left)
        return found

    def enrolled(
        self, identity: Identity, account: str, sealed: bytes, typed: str, finish_with: FinishWith
    ) -> list[str] | None:
        """Return recovery codes for whoever set an app up, None when the code is wrong; raises the same.

        `finish_with` keeps the app together with the end of the step, and raises what keeps it from that.
        """
        codes: list[str] = []

        def enrol(who: Identity) -> bool:
            codes.extend(finish_with(lambda: self._factors.enrol(who, sealed, typed)) or ())
            return bool(codes)

        if not self._checked(self._bucket(identity, account), identity, account, enrol):
            return None
        audit.second_factor_set_up(identity, self._current.address())
        return codes

    def _bucket(self, identity: Identity, account: str) -> str:
        """Return where wrong codes of an app are counted.

        A browser that got in with a code before has a limit of its own: whoever knows only the password has
        none, and pauses only others like themselves.
        """
        factor, browser = self._factors.get(identity), self._cookies.browser(request)
        if factor and browser and self._sign_in.signed_in_since(factor.created_at, account, browser):
            return f"browser-code:{hash_token(browser).hex()}:{self._key(identity)}"
        return f"code:{self._key(identity)}"

    def _key(self, identity: Identity) -> str:
        holder = self._factors.holder(identity)
        return f"{holder.backend}:{holder.subject}"

    def _checked(
        self,
        bucket: str,
        identity: Identity,
        account: str,
        check: Callable[[Identity], bool],
        read: Reading | None = None,
    ) -> Identity | None:
        visitor = self._current.visitor()
        attempt = self._sign_in.limits.begin(bucket, account, visitor)
        try:
            found = read() if read else identity
            right = check(found)
        except GatewayError:
            attempt.take_back()
            raise
        if right:
            attempt.succeed()
            return found
        audit.second_factor_failed(identity, visitor.address)
        self._metrics.sign_in("failed")
        return None
