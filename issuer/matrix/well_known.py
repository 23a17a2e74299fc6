"""What a homeserver says of itself below `/.well-known/matrix/`."""

from collections.abc import Awaitable, Callable
from typing import Any

from yarl import URL

from issuer.matrix.cache import Cache, Entry
from issuer.matrix.freshness import LONGEST, seconds_fresh
from issuer.matrix.names import BadNameError, ServerName, parse_server_name
from issuer.upstream import Answer, UpstreamError
from issuer.world import Clock

Fetch = Callable[[str], Awaitable[Answer]]
"""Fetches a URL, follows redirects."""

ABSENT = 600.0
"""Seconds for which "there is none" is believed."""
FAILURE = 60.0
"""Seconds after which a failure is tried again."""
TEMPORARY = frozenset({429, *range(500, 600)})
CLIENT = 4 * 3600.0


class Delegations:
    """`/.well-known/matrix/server`: the name that a homeserver delegates to."""

    def __init__(self, clock: Clock, fetch: Fetch) -> None:
        """Fetch with `fetch`."""
        self._clock = clock
        self._fetch = fetch
        self._cache: Cache[_Delegation] = Cache(clock)

    async def of(self, name: ServerName) -> ServerName | None:
        """Return what a homeserver delegates to; None when to nothing, or nothing valid."""
        delegation = await self._cache.get(name.text, lambda last: self._ask(name, last))
        return delegation.to

    async def _ask(self, name: ServerName, last: "_Delegation | None") -> "Entry[_Delegation]":
        now = self._clock.now()
        try:
            answer = await self._fetch(f"https://{name.authority}/.well-known/matrix/server")
        except UpstreamError:
            return Entry(self._still(last, now), FAILURE)
        if answer.status in TEMPORARY:
            return Entry(self._still(last, now), FAILURE)
        to = _server(answer)
        if to is None:
            return Entry(_Delegation(None, now), ABSENT)
        return Entry(_Delegation(to, now), seconds_fresh(answer.headers, now))

    def _still(self, last: "_Delegation | None", now: float) -> "_Delegation":
        """Return what a server that fails now said before, unless that is too long ago."""
        return last if last and now - last.learnt < LONGEST else _Delegation(None, now)


class _Delegation:
    def __init__(self, to: ServerName | None, learnt: float) -> None:
        self.to = to
        self.learnt = learnt


class ClientApis:
    """`/.well-known/matrix/client`: the base URL of a homeserver's client-server API."""

    def __init__(self, clock: Clock, fetch: Fetch) -> None:
        """Fetch with `fetch`."""
        self._fetch = fetch
        self._cache: Cache[str | None] = Cache(clock)

    async def of(self, name: ServerName) -> str | None:
        """Return the base URL without a final slash; None when there is none."""
        return await self._cache.get(name.text, lambda last: self._ask(name, last))

    async def _ask(self, name: ServerName, last: str | None) -> Entry[str | None]:
        try:
            answer = await self._fetch(f"https://{name.text}/.well-known/matrix/client")
        except UpstreamError:
            return Entry(last, FAILURE)
        if answer.status in TEMPORARY:
            return Entry(last, FAILURE)
        url = _base_url(answer)
        return Entry(url, CLIENT if url else FAILURE)


def _server(answer: Answer) -> ServerName | None:
    server = _member(answer, "m.server")
    try:
        return parse_server_name(server) if isinstance(server, str) else None
    except BadNameError:
        return None


def _base_url(answer: Answer) -> str | None:
    homeserver = _member(answer, "m.homeserver")
    url = homeserver.get("base_url") if isinstance(homeserver, dict) else None
    return url.rstrip("/") if isinstance(url, str) and _is_base_url(url) else None


def _is_base_url(text: str) -> bool:
    try:
        url = URL(text)
        url.port  # noqa: B018 - raises ValueError when it is out of range
    except ValueError:
        return False
    extras = "@" in url.raw_authority or url.raw_query_string or url.raw_fragment
    plain = text.isascii() and text.isprintable() and not set(text) & set(' \\"<>')
    return url.scheme == "https" and bool(url.raw_host) and plain and not extras


def _member(answer: Answer, name: str) -> Any:
    if answer.status != 200:
        return None
    try:
        found = answer.json()
    except UpstreamError:
        return None
    return found.get(name) if isinstance(found, dict) else None
