"""Threads that are about to wait for somebody else say so, and the server lets another one take requests.

Elsewhere nobody listens, and nothing happens. Who forgets to say it costs others some milliseconds: the
server looks after its threads (`issuer.serving.relay`).
"""

import threading
from collections.abc import Callable

_mine = threading.local()


def listen(hand_on: Callable[[], None]) -> None:
    """Let `hand_on` be called when this thread is about to wait."""
    _mine.hand_on = hand_on


def about_to_wait() -> None:
    """Say that this thread will wait for another server, a lock that is held long, or a slow computation."""
    hand_on: Callable[[], None] | None = getattr(_mine, "hand_on", None)
    if hand_on:
        hand_on()
