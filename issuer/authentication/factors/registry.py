"""Who needs a code, whether one is right, and how an app is set up."""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum

from issuer.authentication.factors.recovery import new_recovery_codes, plain_recovery_code
from issuer.authentication.factors.totp import app_uri, new_secret, steps_of_code
from issuer.authentication.factors.vault import SealError, Vault
from issuer.authentication.identities.resolver import normal_login, same_people
from issuer.backend import Backend, FormBackend
from issuer.errors import UnavailableError
from issuer.identity import Identity
from issuer.module import ConfigurationError
from issuer.rules import FailureError, Rule, Scope, compile_rule
from issuer.rules.rule import is_yes
from issuer.settings.models import Settings
from issuer.store import SecondFactor, Store
from issuer.world import Clock, Randomness

_log = logging.getLogger(__name__)

_KEY_GONE = (
    "there are second factors, and second_factor.key is gone:"
    " restore the key, or `issuer second-factor remove`"
)


class Demand(Enum):
    """What somebody with the right password must do besides."""

    NOTHING = "nothing"
    CODE = "code"
    SET_UP = "set up"


class SecondFactorLostError(UnavailableError):
    """A secret cannot be read: the key is not the one that it was sealed with."""


@dataclass(frozen=True, slots=True)
class SetUp:
    """An app that is being set up."""

    secret: str = field(repr=False)
    uri: str = field(repr=False)
    """For the QR code."""


class Factors:
    """The second factors of people who sign in by the form."""

    def __init__(
        self,
        settings: Settings,
        backends: Mapping[str, Backend],
        store: Store,
        clock: Clock,
        randomness: Randomness,
    ) -> None:
        """Keep the backends, by the names of their instances; `compile` comes when all are there."""
        self._settings = settings.second_factor
        self._declared = settings.sign_in.same_people
        self._backends = backends
        self._claims = store.claims
        self._rows = store.second_factors
        self._clock = clock
        self._randomness = randomness
        self._required: Rule | None = None
        self._vault = Vault(self._settings.key, randomness) if self._settings.key else None

    def compile(self) -> None:
        """Compile the rule.

        Raises:
            RuleError: it does not compile.
            ConfigurationError: a backend is named that has no form.
        """
        self._required = compile_rule(self._settings.required, option="second_factor.required")
        for name in self._settings.backends:
            if not isinstance(self._backends.get(name), FormBackend):
                text = f'"{name}" is no login backend with a form that is enabled'
                raise ConfigurationError("backends", text)

    @property
    def on(self) -> bool:
        """Tell whether anybody can have a second factor here."""
        return self._vault is not None

    def covers(self, backend: Backend | None) -> bool:
        """Tell whether people of a backend can have a second factor here."""
        wanted = self._settings.backends
        return (
            self._vault is not None
            and isinstance(backend, FormBackend)
            and (not wanted or backend.instance in wanted)
        )

    def covers_person(self, identity: Identity) -> bool:
        """Tell whether somebody can have a second factor here."""
        return self.covers(self._backends.get(identity.backend))

    def levels(self, backend: Backend) -> Iterable[int]:
        """Return every `authLevel` that a sign-in with a backend may have."""
        found = list(backend.auth_levels())
        return {*found, *map(self.raised, found)} if self.covers(backend) else found

    def raised(self, level: int) -> int:
        """Return the `authLevel` of somebody who gave a right code, and had this one before."""
        return max(level, self._settings.auth_level)

    def demand(self, identity: Identity, level: int, address: str) -> Demand:
        """Return what is asked of somebody with the right password who needs an `authLevel` (0: any).

        Raises:
            SecondFactorLostError: they have a second factor, and there is no key.
        """
        if self.get(identity) is not None:
            self._open_vault()
            return Demand.CODE
        if not self.covers_person(identity):
            return Demand.NOTHING
        helps = identity.auth_level < level <= self.raised(identity.auth_level)
        return Demand.SET_UP if helps or self._requires(identity, address) else Demand.NOTHING

    def requires(self, identity: Identity, address: str) -> bool:
        """Tell whether somebody must have a second factor; a rule that fails means yes."""
        return self.covers_person(identity) and self._requires(identity, address)

    def _requires(self, identity: Identity, address: str) -> bool:
        if self._required is None:
            return True
        try:
            return is_yes(
                self._required.program.run(Scope(identity, {"ip": address or None}, self._clock.now()))
            )
        except FailureError as failure:
            _log.warning("second_factor.required fails, so a code is asked for: %s", failure)
            return True

    def get(self, identity: Identity) -> SecondFactor | None:
        """Return somebody's second factor, or the one that the same person has by another backend."""
        own = self._rows.get(identity.backend, identity.subject)
        if own is not None:
            return own
        others = same_people(self._declared, [identity.backend]) - {identity.backend}
        holders = self._claims.of(normal_login(identity.uid), others) if others else []
        return next(filter(None, (self._rows.get(one.backend, one.subject) for one in holders)), None)

    def holder(self, identity: Identity) -> Identity:
        """Return somebody as the one whom their second factor belongs to."""
        factor = self.get(identity)
        return Identity(factor.backend, factor.subject, factor.uid) if factor else identity

    def codes_left(self, identity: Identity) -> int:
        """Return how many recovery codes somebody has left."""
        holder = self.holder(identity)
        return self._rows.codes_left(holder.backend, holder.subject)

    def new_secret(self, identity: Identity) -> bytes:
        """Return a fresh secret for somebody's app, sealed."""
        return self._open_vault().seal(new_secret(self._randomness), _owner(identity))

    def set_up(self, identity: Identity, sealed: bytes, service: str) -> SetUp:
        """Return what somebody's app must learn; `service` is the name that it shows."""
        secret = self._unsealed(identity, sealed)
        return SetUp(secret, app_uri(secret, identity.uid, service))

    def enrol(self, identity: Identity, sealed: bytes, typed: str) -> list[str] | None:
        """Keep a secret whose code somebody typed; return their recovery codes, None when the code is wrong.

        Raises:
            issuer.store.DuplicateError: they have a second factor.
        """
        now = self._clock.now()
        steps = steps_of_code(self._unsealed(identity, sealed), typed, now)
        if not steps:
            return None
        codes = new_recovery_codes(self._randomness)
        row = SecondFactor(identity.backend, identity.subject, identity.uid, sealed, steps[-1], now)
        self._rows.add(row, self._digests(identity, codes))
        return codes

    def accepts(self, identity: Identity, typed: str) -> bool:
        """Tell whether a code of somebody's app is right, and was not used before: then it is used up."""
        factor = self.get(identity)
        if factor is None:
            return False
        holder = Identity(factor.backend, factor.subject, factor.uid)
        steps = steps_of_code(self._unsealed(holder, factor.secret), typed, self._clock.now())
        return any(self._rows.use_step(holder.backend, holder.subject, step) for step in steps)

    def recovers(self, identity: Identity, typed: str) -> bool:
        """Tell whether somebody has this recovery code: then it is used up."""
        code = plain_recovery_code(typed)
        if code is None:
            return False
        holder = self.holder(identity)
        digest = self._open_vault().digest(code, _owner(holder))
        return self._rows.use_code(holder.backend, holder.subject, digest)

    def renew_codes(self, identity: Identity) -> list[str]:
        """Return new recovery codes for somebody, in place of the old ones."""
        codes, holder = new_recovery_codes(self._randomness), self.holder(identity)
        self._rows.replace_codes(holder.backend, holder.subject, self._digests(holder, codes))
        return codes

    def remove(self, identity: Identity) -> bool:
        """Remove somebody's second factor; tell whether there was one."""
        holder = self.holder(identity)
        return self._rows.remove(holder.backend, holder.subject)

    def _digests(self, identity: Identity, codes: Iterable[str]) -> list[bytes]:
        vault = self._open_vault()
        return [vault.digest(code.replace("-", ""), _owner(identity)) for code in codes]

    def _unsealed(self, identity: Identity, sealed: bytes) -> str:
        try:
            return self._open_vault().open(sealed, _owner(identity))
        except SealError as error:
            who = f"{identity.backend}: {identity.uid}"
            remedy = "restore the key, or `issuer second-factor remove`"
            raise SecondFactorLostError(f"the second factor of {who} is {error}: {remedy}") from None

    def _open_vault(self) -> Vault:
        if self._vault is None:
            raise SecondFactorLostError(_KEY_GONE)
        return self._vault


def _owner(identity: Identity) -> str:
    return f"{identity.backend}\0{identity.subject}"
