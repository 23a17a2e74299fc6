"""Answers that are sent later: a thread makes one and goes on, and it leaves when a write is committed.

So threads do not sleep through commits; nor through calls to other servers, after which only the content of
an answer is still to be said. Our server offers a `Deferral` in the environment of each request, for those
that may be answered anew; elsewhere there is none, and the application waits by itself.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

KEY = "issuer.deferral"

Done = Callable[[bytes | Exception | None], None]
"""Hears that the answer may leave: as it is (None), or with this content; or what happened instead."""


class Deferral:
    """What one answer waits for; nothing at first."""

    __slots__ = ("begin", "last")

    def __init__(self) -> None:
        """Wait for nothing."""
        self.begin: Callable[[Done], None] | None = None
        self.last: Callable[[], None] | None = None

    def until(self, begin: Callable[[Done], None], last: Callable[[], None] | None = None) -> None:
        """Let the answer wait: when it is complete, `begin` is called, and calls back when it may leave.

        When something else happened, the request is answered anew, without a deferral.

        Args:
            begin: begins what the answer waits for.
            last: does that for every answer that waits for it, when no further request is at hand.
        """
        self.begin = begin
        self.last = last


def offered(environ: "WSGIEnvironment") -> Deferral | None:
    """Return the deferral of a request, unless it has none or it is in use."""
    found: Deferral | None = environ.get(KEY)
    return found if found is None or found.begin is None else None
