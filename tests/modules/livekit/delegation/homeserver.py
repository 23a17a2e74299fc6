"""A stub homeserver with delayed events, as Synapse answers about them."""

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import unquote

from tests.modules.livekit.calls import Homeserver
from tests.upstream.authority import Authority
from tests.upstream.stub import Reply, Seen

EVENTS = "/_matrix/client/unstable/org.matrix.msc4140/delayed_events/"


def error(status: int, errcode: str, **more: object) -> Reply:
    return Reply(status, json.dumps({"errcode": errcode, "error": "no", **more}).encode())


GONE = error(404, "M_NOT_FOUND")


@dataclass
class Delayed:
    """A delayed event."""

    delay: float
    due: float
    restarts: list[float] = field(default_factory=list)
    sent_at: float | None = None

    @property
    def has_fired(self) -> bool:
        """Whether the homeserver sent it by itself."""
        return self.sent_at is None and time.time() >= self.due


class DelayingHomeserver(Homeserver):
    """Has delayed events; says what was wrong with other calls."""

    def __init__(self, authority: Authority) -> None:
        self.events: dict[str, Delayed] = {}
        self.acts: list[tuple[str, str]] = []
        self.tokens: list[str | None] = []
        self.faults: list[str] = []
        self.instead: Callable[[str, str], Reply | None] = lambda _delay_id, _action: None
        """Answers in the place of the usual answer."""
        self._lock = threading.Lock()
        super().__init__(authority)

    def schedule(self, delay_id: str, delay: float = 8.0) -> Delayed:
        self.events[delay_id] = Delayed(delay, time.time() + delay)
        return self.events[delay_id]

    def _answer(self, seen: Seen) -> Reply:
        if not seen.path.startswith(EVENTS):
            return super()._answer(seen)
        delay_id, slash, action = seen.path.removeprefix(EVENTS).partition("/")
        if (seen.method, seen.body, slash) != ("POST", b"{}", "/") or action not in {"restart", "send"}:
            self.faults.append(f"{seen.method} {seen.path} {seen.body!r}")
            return error(404, "M_UNRECOGNIZED")
        with self._lock:
            self.tokens.append(seen.headers.get("Authorization"))
            self.acts.append((unquote(delay_id), action))
        return self.instead(unquote(delay_id), action) or self._act(unquote(delay_id), action)

    def _act(self, delay_id: str, action: str) -> Reply:
        with self._lock:
            event = self.events.get(delay_id)
            if event is None or event.sent_at or event.has_fired:
                return GONE
            now = time.time()
            if action == "send":
                event.sent_at = now
            else:
                event.restarts.append(now)
                event.due = now + event.delay
            return Reply()
