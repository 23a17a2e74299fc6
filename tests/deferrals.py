"""Answers that wait, as our server would let them leave."""

from queue import SimpleQueue

from issuer.runtime import DeferredResponse

PATIENCE = 10.0


def begun(deferred: DeferredResponse) -> bytes | Exception | None:
    """Let the deferral begin, do what comes last, and return what it says in the end."""
    heard: SimpleQueue[bytes | Exception | None] = SimpleQueue()
    assert deferred.send_after
    assert deferred.on_idle
    deferred.send_after(heard.put)
    deferred.on_idle()
    return heard.get(timeout=PATIENCE)
