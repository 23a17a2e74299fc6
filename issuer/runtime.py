"""The one door to the server below: what our own server offers to the code that it runs, and hears from it.

A thread that is about to wait for somebody else says so (`about_to_block`), and the server lets another one
take requests. Elsewhere nobody listens, and nothing happens. Who forgets to say it costs others some
milliseconds: the server looks after its threads (`issuer.serving.leader_followers`).

Answers can be sent later: a thread makes one and goes on, and it leaves when a write is committed. So threads
do not sleep through commits; nor through calls to other servers, after which only the content of an answer is
still to be said. Our server offers a `DeferredResponse` in the environment of each request, for those that
may be answered anew; elsewhere there is none, and the application waits by itself.
"""

import io
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

REPEATED = "issuer.repeated"
"""The key of the header fields that came more than once, as the environment names them; absent: none."""

LargeBody = tuple[int, Callable[[str], bool]]
"""How many bytes the body of a path may have, and who may send them: the field `Authorization` tells, before
the body is read, on the event loop of the server below. So nothing is waited for."""

_mine = threading.local()


def on_block(promote: Callable[[], None]) -> None:
    """Let `promote` be called when this thread is about to wait."""
    _mine.promote = promote


def about_to_block() -> None:
    """Say that this thread will wait for another server, a lock that is held long, or a slow computation."""
    promote: Callable[[], None] | None = getattr(_mine, "promote", None)
    if promote:
        promote()


class ReceivedBody(io.BytesIO):
    """A body that has arrived as a whole, within the limit: who reads `wsgi.input` need not count again."""


KEY = "issuer.deferred"


class UnknownOutcome(Exception):  # noqa: N818 - it is told as an error of another kind
    """Nobody knows whether what an answer waits for happened: the request must not be answered anew."""


Done = Callable[[bytes | Exception | None], None]
"""Hears that the answer may leave: as it is (None), or with this content; or what happened instead."""


class DeferredResponse:
    """What one answer waits for; nothing at first."""

    __slots__ = ("on_idle", "send_after")

    def __init__(self) -> None:
        self.send_after: Callable[[Done], None] | None = None
        self.on_idle: Callable[[], None] | None = None

    def wait_for(self, begin: Callable[[Done], None], on_idle: Callable[[], None] | None = None) -> None:
        """Let the answer wait: when it is complete, `begin` is called, and calls back when it may leave.

        When something else happened, the request is answered anew, and waits in its thread; after an
        `UnknownOutcome` it is answered with 503.

        Args:
            begin: begins what the answer waits for.
            on_idle: does that for every answer that waits for it, when no further request is at hand.
        """
        self.send_after = begin
        self.on_idle = on_idle


def defer_response(environ: "WSGIEnvironment") -> DeferredResponse | None:
    """Return the `DeferredResponse` of a request; None when it has none, or it is in use."""
    found: DeferredResponse | None = environ.get(KEY)
    return found if found is None or found.send_after is None else None
