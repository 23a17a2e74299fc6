"""Answers that wait, as our server would let them leave."""

from queue import SimpleQueue

from issuer.deferral import Deferral

PATIENCE = 10.0


def begun(deferral: Deferral) -> bytes | Exception | None:
    """Let the deferral begin, do what comes last, and return what it says in the end."""
    heard: SimpleQueue[bytes | Exception | None] = SimpleQueue()
    assert deferral.begin
    assert deferral.last
    deferral.begin(heard.put)
    deferral.last()
    return heard.get(timeout=PATIENCE)
