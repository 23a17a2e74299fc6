"""How strongly people can sign in: which levels there are above one's own."""

from collections.abc import Callable, Iterable, Mapping

from issuer.backend import Backend
from issuer.identity import Identity


class Levels:
    """The `authLevel` of all login backends together."""

    def __init__(self, backends: Mapping[str, Backend], of: Callable[[Backend], Iterable[int]]) -> None:
        """Keep the backends, by the names of their instances, and what tells the levels of one."""
        self._backends = backends
        self.of = of
        """Returns every level that a sign-in with a backend may have."""

    def above(self, identity: Identity) -> list[int]:
        """Return the levels above somebody's, lowest first; none for who did not sign in at the portal."""
        if identity.backend not in self._backends:
            return []
        found = {level for backend in self._backends.values() for level in self.of(backend)}
        return sorted(level for level in found if level > identity.auth_level)
