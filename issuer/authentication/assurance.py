"""How strongly people can sign in: which levels there are above one's own."""

from collections.abc import Callable, Iterable, Iterator, Mapping

from issuer.backend import Backend
from issuer.identity import Identity


class AssuranceLevels:
    """The `authLevel` of all login backends together."""

    def __init__(
        self,
        backends: Mapping[str, Backend],
        of: Callable[[Backend], Iterable[int]],
        raised: Callable[[Identity, int], Identity],
    ) -> None:
        """Keep the backends by name, what tells the levels of one, and what raises somebody to a level."""
        self._backends = backends
        self._raised = raised
        self.of = of
        """Returns every level that a sign-in with a backend may have."""

    def above(self, identity: Identity) -> list[int]:
        """Return the levels above somebody's, lowest first; none for who did not sign in at the portal."""
        if identity.backend not in self._backends:
            return []
        found = {level for backend in self._backends.values() for level in self.of(backend)}
        return sorted(level for level in found if level > identity.auth_level)

    def stronger(self, identity: Identity) -> Iterator[Identity]:
        """Return somebody as if they had signed in at each level above theirs, macros and all."""
        return (self._raised(identity, level) for level in self.above(identity))
