"""The one place through which a token leaves.

authenticate → rule → prepare → claims → sign → answer → record; nothing leaves before it is recorded.

A module says what is its own in each phase (`Phases`) and cannot skip one. Every issuance is one row in the
store, one line in the security log and one count in the metrics, before the token is handed out.
"""

import base64
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar

from flask import has_request_context
from flask.typing import ResponseReturnValue

from issuer.errors import ForbiddenError, StepUpRequiredError
from issuer.identity import Identity
from issuer.observability import audit
from issuer.observability.metrics import Metrics
from issuer.rules import Rule, Scope
from issuer.runtime import defer_response
from issuer.settings.models import TokenSettings
from issuer.signing import Signer
from issuer.store import IssuanceRow, Redemption, Store
from issuer.web.application import request_in_hand
from issuer.world import Clock, Randomness

_log = logging.getLogger(__name__)

T = TypeVar("T")

TOKEN_TIME_BYTES = 6
TOKEN_RANDOM_BYTES = 12


@dataclass(frozen=True, slots=True)
class Subject:
    """What the record of an issuance says beside who and when."""

    room: str | None = None
    tenant: str | None = None
    scene: str | None = None
    event: str | None = None
    identity: str | None = None


@dataclass(frozen=True, slots=True)
class Token:
    """A token that was issued."""

    text: str
    claims: Mapping[str, Any]

    def __repr__(self) -> str:
        """Show neither the token nor its claims."""
        return "Token(…)"


class Phases(ABC):
    """A module's own part of one issuance.

    `authenticate` may ask other servers, and `prepare` may change something there; what the others return
    follows from the request and from whom `authenticate` found, however often they are called.
    """

    instance: str
    module: str
    backdate: int = 0
    """Seconds by which `nbf` lies before the issue, for receivers whose clock is late."""
    repeatable: bool = False
    """The request may be answered anew when its token cannot be recorded: it uses nothing up."""

    @abstractmethod
    def authenticate(self) -> Identity:
        """Return who asks; raise a `GatewayError` when nobody does."""

    def variables(self) -> Mapping[str, object]:
        """Return the request variables that rules and expressions see."""
        return {}

    def variables_of(self, identity: Identity) -> Mapping[str, object]:  # noqa: ARG002 - for those who override it
        """Return the same where they depend on who asks."""
        return self.variables()

    @abstractmethod
    def rule(self) -> Rule:
        """Return the rule that decides."""

    def lifetime(self) -> float | None:
        """Return the wished lifetime in seconds; None for the default."""
        return None

    def prepare(self, scope: Scope) -> None:  # noqa: B027 - an ability, not a duty
        """Do what must be done elsewhere before the token can be used; the rule has said yes.

        A later phase may still fail: what was done must then be harmless, or end by itself.

        Raises:
            issuer.errors.GatewayError: it cannot be done, so there is no token.
        """

    @abstractmethod
    def claims(self, scope: Scope) -> dict[str, Any]:
        """Return the module's claims; `iat`, `nbf`, `exp` and `jti` are the host's."""

    @abstractmethod
    def signer(self) -> Signer:
        """Return what signs."""

    def subject(self) -> Subject:
        """Return what the record says of the token's purpose."""
        return Subject()

    def subject_of(self, identity: Identity) -> Subject:  # noqa: ARG002 - for those who override it
        """Return the same where it depends on whose token it is."""
        return self.subject()

    @abstractmethod
    def answer(self, token: Token) -> ResponseReturnValue:
        """Return the answer that carries the token."""


Issue = Callable[[Phases, Identity], Token]
"""Runs rule, claims and sign for one of the tokens of an answer."""


class Issuance:
    """Runs the phases."""

    def __init__(
        self,
        store: Store,
        settings: TokenSettings,
        clock: Clock,
        randomness: Randomness,
        metrics: Metrics,
        stronger: Callable[[Identity], Iterable[Identity]] = lambda _: (),
    ) -> None:
        """Keep what issuing needs; `stronger` returns somebody as if they had signed in more strongly."""
        self._stronger = stronger
        self._rows = store.issuances
        self._rows.listen(self._note)
        self._settings = settings
        self._clock = clock
        self._randomness = randomness
        self._metrics = metrics

    def respond(self, phases: Phases, address: str) -> ResponseReturnValue:
        """Run every phase for the request in hand.

        Raises:
            issuer.errors.GatewayError: nobody is signed in, or the rule says no.
        """
        identity = phases.authenticate()
        token, row = self._made(phases, identity, address)
        answer = phases.answer(token)
        self._record([row], None, later=phases.repeatable)
        return answer

    def together(
        self, answer: Callable[[Issue], T], change: Redemption, address: str, *, repeatable: bool = False
    ) -> T:
        """Return an answer with several tokens, which are recorded as one, with what the module changes.

        Args:
            answer: makes it, with the function that issues one of its tokens.
            change: what the module writes in its own tables.
            address: the address of the client.
            repeatable: the request in hand may be answered anew when its tokens cannot be recorded.

        Raises:
            issuer.store.SpentError: the change spends what somebody else has spent; nothing is recorded.
            issuer.errors.ForbiddenError: a rule says no.
        """
        rows: list[IssuanceRow] = []

        def issue(phases: Phases, identity: Identity) -> Token:
            token, row = self._made(phases, identity, address)
            rows.append(row)
            return token

        made = answer(issue)
        self._record(rows, change, later=repeatable)
        return made

    def _record(self, rows: Sequence[IssuanceRow], change: Redemption | None, *, later: bool) -> None:
        """Record now, or, when the request may be answered `later`, let its answer wait for that."""
        deferred = defer_response(request_in_hand().environ) if later and has_request_context() else None
        if deferred is None:
            self._rows.record(*rows, change=change)
        else:
            begin = partial(self._rows.record_later, rows, change)
            deferred.wait_for(begin, self._rows.settle)

    def issue(self, phases: Phases, identity: Identity, address: str | None) -> Token:
        """Run rule, claims, sign and record for somebody who is authenticated.

        Raises:
            issuer.errors.ForbiddenError: the rule says no.
            issuer.errors.StepUpRequiredError: it would say yes, had they signed in more strongly.
        """
        token, row = self._made(phases, identity, address)
        self._record([row], None, later=False)
        return token

    def _made(self, phases: Phases, identity: Identity, address: str | None) -> tuple[Token, IssuanceRow]:
        scope = self.admit(phases, identity, address)
        phases.prepare(scope)
        claims = phases.claims(scope) | self._times(phases)
        text, kid = phases.signer().sign(claims)
        return Token(text, claims), self._row(phases, identity, claims, kid, address)

    def _note(self, rows: Sequence[IssuanceRow]) -> None:
        audit.token_issued(*rows)
        for row in rows:
            self._metrics.issuance(row.instance, "issued")

    def admit(self, phases: Phases, identity: Identity, address: str | None) -> Scope:
        """Run the rule alone, for what somebody may ask for who could have a token.

        Raises:
            issuer.errors.ForbiddenError: the rule says no.
        """
        scope = self._scope(phases, identity, address)
        self._judge(phases, scope)
        return scope

    def might(self, phases: Phases, identity: Identity, address: str | None, missing: Iterable[str]) -> bool:
        """Tell whether somebody could have a token, if the variables that are `missing` had values.

        A stronger sign-in counts as if they had it. Nothing is recorded.
        """
        scope, rule = self._scope(phases, identity, address), phases.rule()
        people = [identity, *(self._stronger(identity) if self._asks_how_strong(rule, identity) else ())]
        return any(rule.might(replace(scope, identity=one), missing) for one in people)

    @staticmethod
    def _asks_how_strong(rule: Rule, identity: Identity) -> bool:
        return bool({"authLevel", *identity.macros} & set(rule.program.variables))

    def _scope(self, phases: Phases, identity: Identity, address: str | None) -> Scope:
        request: dict[str, object] = {
            "ip": address or None,
            "module": phases.module,
            **phases.variables_of(identity),
        }
        return Scope(identity, request, self._clock.now())

    def _judge(self, phases: Phases, scope: Scope) -> None:
        decision = phases.rule().judge(scope)
        if not decision.allowed:
            self._ask_for_more(phases, scope)
            about = phases.subject_of(scope.identity)
            audit.token_refused(phases.instance, scope.identity, decision.reason, about.room, about.tenant)
            self._metrics.issuance(phases.instance, "refused")
            raise ForbiddenError(f"{phases.instance}: {decision.reason}")

    def _ask_for_more(self, phases: Phases, scope: Scope) -> None:
        """Raise `StepUpRequiredError` when the rule would say yes, had the person signed in more strongly."""
        rule = phases.rule()
        if not self._asks_how_strong(rule, scope.identity):
            return
        for identity in self._stronger(scope.identity):
            if rule.judge(replace(scope, identity=identity)).allowed:
                level = identity.auth_level
                audit.step_up_required(phases.instance, scope.identity, level)
                raise StepUpRequiredError(f"{phases.instance}: authLevel {level} is asked for", level)

    def _times(self, phases: Phases) -> dict[str, Any]:
        now = self._clock.now()
        issued = int(now)
        return {
            "iat": issued,
            "nbf": issued - phases.backdate,
            "exp": issued + int(self._clip(phases)),
            "jti": self._token_id(now),
        }

    def _token_id(self, now: float) -> str:
        """Begin with the time in milliseconds: rows of one moment are neighbours in the store's index."""
        moment = int(now * 1000).to_bytes(TOKEN_TIME_BYTES)
        return base64.urlsafe_b64encode(moment + self._randomness.bytes(TOKEN_RANDOM_BYTES)).decode()

    def _clip(self, phases: Phases) -> float:
        bounds = self._settings
        wish = phases.lifetime() or bounds.default_lifetime
        lifetime = min(max(wish, bounds.minimum_lifetime), bounds.maximum_lifetime)
        if lifetime != wish:
            _log.info("%s: lifetime clipped from %g to %g seconds", phases.instance, wish, lifetime)
        return lifetime

    def _row(
        self, phases: Phases, identity: Identity, claims: dict[str, Any], kid: str | None, address: str | None
    ) -> IssuanceRow:
        subject = phases.subject_of(identity)
        return IssuanceRow(
            token_id=claims["jti"],
            issued_at=float(claims["iat"]),
            expires_at=float(claims["exp"]),
            instance=phases.instance,
            module=phases.module,
            backend=identity.backend,
            subject=identity.subject,
            uid=identity.uid,
            room=subject.room,
            tenant=subject.tenant,
            scene=subject.scene,
            event=subject.event,
            identity=subject.identity,
            kid=kid,
            address=address,
        )
