"""Who named a destination."""

from enum import Enum


class Party(Enum):
    """Who named a destination: that decides about the guard and about the share of request threads."""

    STRANGER = "stranger"
    """Anybody, in a request: a homeserver, and all that its discovery leads to. Judged by the guard."""
    LISTED = "listed"
    """The configuration, as a homeserver: exempt from the guard, but not where it redirects to."""
    OPERATOR = "operator"
    """The configuration, as any other server: the same, and nothing lifts the guard for its redirects."""

    @property
    def is_homeserver(self) -> bool:
        """Tell whether the switches for homeservers reach such a destination."""
        return self is not Party.OPERATOR
