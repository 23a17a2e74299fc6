"""Who somebody is now: attributes and groups that are too old are read again before they count.

A person whom the backend does not have any more is signed out everywhere. A backend that cannot be asked
makes nobody's attributes younger: who asks for a token hears that it is unavailable.
"""

import logging
from collections.abc import Mapping
from dataclasses import replace

from issuer.authentication.identities.resolver import IdentityResolver
from issuer.backend import Backend
from issuer.identity import Identity
from issuer.observability import audit
from issuer.store import Session, Store, StoreError
from issuer.world import Clock

_log = logging.getLogger(__name__)

FORGOTTEN_AFTER = 300.0
"""Seconds that sessions of a backend go on to count when it is no longer configured."""


class AttributeRefresh:
    """Reads people again."""

    def __init__(
        self, backends: Mapping[str, Backend], resolver: IdentityResolver, store: Store, clock: Clock
    ) -> None:
        self._backends = backends
        self._resolver = resolver
        self._rows = store.sessions
        self._clock = clock

    def session(self, row: Session) -> Session | None:
        """Return a session with its person read again; None when they are gone.

        Raises:
            issuer.errors.UnavailableError: the backend cannot tell now.
        """
        now = self._clock.now()
        identity = self.identity(row.identity)
        if identity is None or identity is row.identity:
            return row if identity else None
        fresh = replace(row, identity=identity, refreshed_at=now)
        try:
            self._rows.refresh(fresh, row.refreshed_at)
        except StoreError as error:  # it is true all the same
            _log.info("what was read of a person is not noted: %s", error)
        return fresh

    def identity(self, known: Identity) -> Identity | None:
        """Return a person as they are now, as strongly signed in as they were; None when they are gone.

        Raises:
            issuer.errors.IdentityRefusedError: they have a new user name, which is somebody else's.
            issuer.errors.UnavailableError: the backend cannot tell now.
        """
        backend = self._backends.get(known.backend)
        found = backend.refresh(known) if backend else None
        if found is None:
            if self._rows.end_of(known.backend, known.subject):
                audit.session_ended(known, "backend")
            return None
        if found is known:
            return known
        return self._resolver.resolve(found, known.auth_level)

    def raised(self, known: Identity, level: int) -> Identity | None:
        """Return a person as they are now, who has signed in as strongly as `level`; raises as `identity`."""
        return self.identity(self._resolver.raised(known, level))
