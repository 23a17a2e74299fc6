"""Restarting and sending delayed events (MSC4140), at the client-server APIs of homeservers."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from urllib.parse import quote

from issuer.matrix import Homeservers, NoClientApiError
from issuer.matrix.errors import errcode_of
from issuer.upstream import Upstream, UpstreamError, UpstreamResponse
from issuer.world import SteadyClock
from modules.livekit.delegation.engine.model import Action, Event, Failed, Gone, Restarted, Sent
from modules.livekit.delegation.gate import Gate
from modules.livekit.delegation.jobs.job import DelegationRequest

_log = logging.getLogger(__name__)

PATH = "/_matrix/client/unstable/org.matrix.msc4140/delayed_events"
SHARE = 0.6
"""Of the time that is left, how much one try may take; so that there is another one."""
SHORTEST_TRY = 1.0
LONGEST_HINT = 3600.0
REMEDY = (
    "%s limits our calls for delayed events (429), which is too few for more than some six participants. "
    "Register an application service with `rate_limited: false` there, and give its as_token in "
    "modules.%s.homeservers (or LIVEKIT_AS_TOKEN)"
)


class DelayedEvents:
    """Acts on delayed events. Lives on the loop."""

    def __init__(
        self,
        upstream: Upstream,
        homeservers: Homeservers,
        clock: SteadyClock,
        luck: Callable[[], float],
        tokens: Mapping[str, str],
        instance: str,
    ) -> None:
        """Use the tokens of application services by server name; `luck` is random, from 0 to 1."""
        self._upstream = upstream
        self._homeservers = homeservers
        self._clock = clock
        self._luck = luck
        self._tokens = dict(tokens)
        self._instance = instance
        self._gates: dict[str, Gate] = {}
        self._warned: set[str] = set()

    async def act(
        self, action: Action, asked: DelegationRequest, deadline: float, is_ours: Callable[[], bool]
    ) -> Event | None:
        """Restart or send an event when it is its turn; None when it is not ours any more by then.

        Args:
            action: what to do.
            asked: whose event it is.
            deadline: when the homeserver sends it by itself; the nearest goes first.
            is_ours: tells, when it is its turn, whether to do it at all.
        """
        gate = self._gates.setdefault(asked.server_name, Gate(self._clock))
        entered_at = await gate.enter(deadline, urgent=action is Action.SEND)
        try:
            if not is_ours():
                return None
            began = self._clock.now()
            seconds = max(SHORTEST_TRY, (deadline - began) * SHARE)
            answer = await self._send(action, asked, min(seconds, self._upstream.settings.total_timeout))
            return self._event(action, asked, answer, began, (gate, entered_at))
        except (UpstreamError, NoClientApiError, TimeoutError) as error:
            _log.info("%s: %s failed: %s", asked.server_name, action.value, str(error) or "no answer in time")
            return Failed(action, self._luck())
        finally:
            gate.leave()
            if gate.is_idle:
                self._gates.pop(asked.server_name, None)

    async def _send(self, action: Action, asked: DelegationRequest, seconds: float) -> UpstreamResponse:
        async with asyncio.timeout(seconds):
            api = await self._homeservers.find_client_server_api(asked.server_name)
            # RFC 3986 §2.1, §3.3: one segment of the path, whatever a client called its event
            path = f"{PATH}/{quote(asked.delay_id, safe='')}/{action.value}"
            token = self._tokens.get(asked.server_name)
            answer = await self._upstream.fetch(api.call("POST", path, _headers(token), b"{}"))
            if answer.status == 401 and token:
                self._forget_token(asked.server_name)
                answer = await self._upstream.fetch(api.call("POST", path, _headers(None), b"{}"))
            return answer

    def _forget_token(self, server_name: str) -> None:
        if self._tokens.pop(server_name, None):
            _log.warning(
                "%s refuses the as_token of modules.%s.homeservers (401): it is not used any more",
                server_name,
                self._instance,
            )

    def _event(
        self,
        action: Action,
        asked: DelegationRequest,
        answer: UpstreamResponse,
        began: float,
        turn: tuple[Gate, float],
    ) -> Event:
        gate, entered_at = turn
        if answer.status == 429:
            wait = retry_after(answer, self._clock.now() + self._clock.drift())
            gate.limited(entered_at, wait)
            self._warn(asked.server_name)
            return Failed(action, self._luck(), 429, wait)
        gate.succeeded()
        if 200 <= answer.status < 300:
            return Restarted(began) if action is Action.RESTART else Sent()
        if answer.status == 404 and errcode_of(answer) == "M_NOT_FOUND":
            return Gone(action)
        _log.info(
            "%s: %s was answered with %d %s",
            asked.server_name,
            action.value,
            answer.status,
            errcode_of(answer),
        )
        return Failed(action, self._luck(), answer.status)

    def _warn(self, server_name: str) -> None:
        if server_name not in self._warned:
            self._warned.add(server_name)
            _log.warning(REMEDY, server_name, self._instance)


def _headers(token: str | None) -> dict[str, str]:
    authorization = {"Authorization": f"Bearer {token}"} if token else {}
    return {"Content-Type": "application/json", **authorization}


def retry_after(answer: UpstreamResponse, now: float) -> float | None:
    """Return how many seconds a 429 asks us to wait, by its header or else by its body.

    A date counts from that of the answer, if there is one: our clock may be another.

    RFC 9110 §6.6.1, §10.2.3 (seconds or a date); Matrix Client-Server API §Rate limiting (`retry_after_ms`).
    """
    said = _date(answer.headers.get("Date", ""))
    found = _header_seconds(answer.headers.get("Retry-After", "").strip(), now if said is None else said)
    if found is None:
        found = _body_seconds(answer)
    return None if found is None else min(max(found, 0.0), LONGEST_HINT)


def _header_seconds(text: str, now: float) -> float | None:
    if text.isascii() and text.isdecimal():
        return float(text[:9])
    date = _date(text)
    return None if date is None else date - now


def _date(text: str) -> float | None:
    try:
        return parsedate_to_datetime(text).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None


def _body_seconds(answer: UpstreamResponse) -> float | None:
    try:
        found = answer.json()
    except UpstreamError:
        return None
    milliseconds = found.get("retry_after_ms") if isinstance(found, dict) else None
    if isinstance(milliseconds, int | float) and not isinstance(milliseconds, bool):
        return min(max(milliseconds, 0), LONGEST_HINT * 1000) / 1000
    return None
