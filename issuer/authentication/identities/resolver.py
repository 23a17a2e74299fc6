"""What every identity passes before it counts, whichever backend it is from.

Its attributes are mapped, and its user name must be its own: rules, tokens and other services know people by
their `uid`, and an upstream where people choose their own names must not give anybody the name of another.
The first identity that comes with a name has it. A name that another backend knows or has had is refused,
unless the operator says that the two have the same people (`sign_in.same_people`).
"""

import logging
import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

from issuer.backend import Backend, BackendSettings
from issuer.errors import IdentityRefusedError
from issuer.identity import GROUPS, OF_CLAIMS, OF_MACROS, Attribute, Identity
from issuer.module import ConfigurationError
from issuer.observability import audit
from issuer.rules import Compiler, Expression, FailureError, Scope
from issuer.rules.functions import FUNCTIONS
from issuer.rules.vocabulary import RESERVED_NAMES
from issuer.store import Store, UidClaim
from issuer.store.database import storable
from issuer.world import Clock

_log = logging.getLogger(__name__)

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
CLAIMS = "claims"


def normal_login(login: str) -> str:
    """Return a login in the form in which accounts are found and failures counted, however it is typed."""
    return unicodedata.normalize("NFKC", login).strip().casefold()


def same_people(declared: Iterable[Collection[str]], backends: Iterable[str]) -> frozenset[str]:
    """Return backends with those of which `sign_in.same_people` says that they have the same people."""
    known = frozenset(backends)
    return known.union(*(names for names in declared if known & {*names}))


class Macros:
    """Named expressions over a person."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        """Compile them.

        Raises:
            ExceptionGroup: of `ConfigurationError` and `RuleError`, everything that is wrong with them.
        """
        problems = [ConfigurationError(name, text) for name in texts if (text := _fault(name))]
        compiler = Compiler("macros", texts)
        self._expressions = {name: compiler.expression(name, text) for name, text in texts.items()}
        if problems:
            raise ExceptionGroup("macros that cannot be", problems)
        compiler.finish()

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names, which rules may use as variables."""
        return tuple(self._expressions)

    def apply(self, identity: Identity, now: float) -> Identity:
        """Return a person with the values of the macros; one that fails is None, and no attribute instead."""
        known = tuple(name for name in identity.unknown if not name.startswith(OF_MACROS))
        identity = replace(identity, unknown=known)
        for name, expression in self._expressions.items():
            value, unknown = None, identity.unknown
            try:
                value = expression.evaluate(Scope(identity, {}, now))
            except FailureError as failure:
                expression.log(failure)
                unknown = unknown if failure.absent else (*unknown, OF_MACROS + name)
            identity = replace(identity, macros={**identity.macros, name: value}, unknown=unknown)
        return identity


def _fault(name: str) -> str | None:
    if not NAME.fullmatch(name):
        return "is no name for a macro: use letters, digits and _"
    if name in RESERVED_NAMES or name in FUNCTIONS:
        return "is a name that rules have already: choose another"
    return None


class BackendMapping:
    """The expressions of one backend."""

    def __init__(self, instance: str, settings: BackendSettings) -> None:
        """Compile them; raise an ExceptionGroup of `RuleError`, everything that is wrong with them."""
        compiler = Compiler(f"backends.{instance}", (CLAIMS,))
        self._instance = instance
        self._attributes: dict[str, Expression] = {
            name: compiler.expression(f"attributes.{name}", text)
            for name, text in settings.attributes.items()
        }
        self._groups = compiler.expression("groups", settings.groups) if settings.groups else None
        compiler.finish()

    def apply(self, identity: Identity, now: float) -> Identity:
        """Return a person as the expressions make them.

        An attribute is left out where its expression asks for what the person does not have; where it fails
        otherwise, it is unknown. Groups are unknown wherever their expression fails.
        """
        scope = Scope(identity, {CLAIMS: identity.claims}, now)
        attributes: dict[str, Attribute] = dict(identity.attributes)
        unknown = {name for name in identity.unknown if not name.startswith(OF_CLAIMS)}
        for name, expression in self._attributes.items():
            unknown.discard(name)
            attributes.pop(name, None)
            try:
                value = expression.told(scope)
            except FailureError as failure:
                expression.log(failure)
                if not failure.absent:
                    unknown.add(self._warned(name, scope, failure))
            else:
                attributes |= {name: value} if value is not None else {}
        groups = self._groups_of(scope, unknown)
        known = {name: value for name, value in attributes.items() if name not in unknown}
        return replace(identity, attributes=known, groups=groups, claims={}, unknown=tuple(sorted(unknown)))

    def _groups_of(self, scope: Scope, unknown: set[str]) -> tuple[str, ...]:
        found: Attribute | None = list(scope.identity.groups)
        if self._groups is not None:
            unknown.discard(GROUPS)
            try:
                found = self._groups.told(scope)
            except FailureError as failure:
                unknown.add(self._warned(GROUPS, scope, failure))
        if GROUPS in unknown:
            return ()
        names = [found] if isinstance(found, str) else found or []
        return tuple(dict.fromkeys(name for name in names if name))

    def _warned(self, name: str, scope: Scope, failure: FailureError) -> str:
        """Return the name of what is unknown, after the log has said why."""
        _log.warning("backends.%s: %s of %s unknown: %s", self._instance, name, scope.identity.uid, failure)
        return name


LONGEST_UID = 256
LONGEST_SUBJECT = 1024


class IdentityResolver:
    """Says how an identity counts here: whose its name is, mapped, with level and macros."""

    def __init__(
        self,
        backends: Mapping[str, Backend],
        macros: Macros,
        declared: Collection[Collection[str]],
        store: Store,
        clock: Clock,
    ) -> None:
        """Keep the backends, by the names of their instances, and which have the same people as `declared`.

        Their mappings come with `add`.
        """
        self._backends = backends
        self._macros = macros
        self._declared = declared
        self._mappings: dict[str, BackendMapping] = {}
        self._claims = store.claims
        self._clock = clock

    def add(self, backend: Backend) -> None:
        """Compile a backend's mapping; raise an ExceptionGroup of `RuleError`."""
        self._mappings[backend.instance] = BackendMapping(backend.instance, backend.settings)

    def resolve(self, found: Identity, level: int | None = None) -> Identity:
        """Return a person as they count here, signed in as strongly as `level` (None: as the backend says).

        Raises:
            IdentityRefusedError: the user name is somebody else's, or none.
            issuer.errors.UnavailableError: a backend cannot tell now whether the name is one of its own.
        """
        self._check_texts(found)
        self._claim(found)
        return self.mapped(found, level)

    def mapped(self, found: Identity, level: int | None = None) -> Identity:
        """Return a person with attributes, groups, level and macros as they count here."""
        if level is None:
            level = self._backends[found.backend].auth_level(found)
        now = self._clock.now()
        identity = self._mappings[found.backend].apply(replace(found, auth_level=level), now)
        return self._macros.apply(identity, now)

    def raised(self, admitted: Identity, level: int) -> Identity:
        """Return a person who was admitted before, and has signed in more strongly since."""
        return self._macros.apply(replace(admitted, auth_level=level, macros={}), self._clock.now())

    def _check_texts(self, found: Identity) -> None:
        for text, longest in ((found.uid, LONGEST_UID), (found.subject, LONGEST_SUBJECT)):
            if not (0 < len(text) <= longest and text.isprintable() and text.strip() == text):
                raise self._refused(found, "its user name or subject cannot be used")
            if not storable(text):
                raise self._refused(found, "its user name or subject is no valid text")

    def _claim(self, identity: Identity) -> None:
        key, claim = normal_login(identity.uid), UidClaim(identity.uid, identity.backend, identity.subject)
        same = same_people(self._declared, [identity.backend])
        if self._claims.holds(key, claim, same):
            return
        others = (other for name, other in self._backends.items() if name not in same)
        owner = next((other for other in others if other.knows(identity.uid)), None)
        if owner is not None:
            raise self._refused(identity, f"backends.{owner.instance} has somebody of this name")
        holder = self._claims.claim(key, claim, same, self._clock.now())
        if holder is not None and not self._inherits(key, claim, holder):
            raise self._refused(identity, f"the name belongs to somebody of backends.{holder.backend}")

    def _inherits(self, key: str, claim: UidClaim, holder: UidClaim) -> bool:
        """Give the name on when whoever had it is gone, or goes by another name now, in the same backend."""
        if holder.backend != claim.backend:
            return False
        old = Identity(holder.backend, holder.subject, holder.uid)
        now = self._backends[holder.backend].refresh(old)
        if now is not None and normal_login(now.uid) == key:
            return False
        return self._claims.move(key, holder, claim)

    @staticmethod
    def _refused(identity: Identity, reason: str) -> IdentityRefusedError:
        audit.identity_refused(identity.backend, identity.subject, reason)
        return IdentityRefusedError(f"{identity.backend}: {reason}")
