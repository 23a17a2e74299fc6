"""What a homeserver says of itself below `/.well-known/matrix/`."""

import re
from collections.abc import Awaitable, Callable, Mapping
from email.utils import parsedate_to_datetime
from typing import Any

from yarl import URL

from issuer.matrix.cache import Cache, CacheEntry
from issuer.matrix.names import BadNameError, ServerName, parse_server_name
from issuer.upstream import UpstreamError, UpstreamResponse
from issuer.world import Clock

SHORTEST = 5 * 60.0
DEFAULT = 24 * 3600.0
LONGEST = 48 * 3600.0
"""Server-Server API §Resolving server names: 24 hours without cache headers, at most 48."""
DIRECTIVE = re.compile(r'([a-z-]+)(?:\s*=\s*"?([0-9]{1,12})"?)?')


def seconds_fresh(headers: Mapping[str, str], now: float) -> float:
    """Return for how many seconds an answer is good, within our bounds (RFC 9111 §4.2)."""
    directives = dict(DIRECTIVE.findall(headers.get("Cache-Control", "").lower()))
    if {"no-store", "no-cache"} & directives.keys():
        return SHORTEST
    if directives.get("max-age"):
        return _bounded(float(directives["max-age"]) - _age(headers))
    if "Expires" in headers:
        return _bounded(_expires(headers["Expires"]) - now)
    return DEFAULT


def _bounded(seconds: float) -> float:
    return min(max(seconds, SHORTEST), LONGEST)


def _age(headers: Mapping[str, str]) -> float:
    age = headers.get("Age", "")
    return float(age) if re.fullmatch("[0-9]{1,12}", age) else 0.0


def _expires(text: str) -> float:
    try:
        return parsedate_to_datetime(text).timestamp()
    except (ValueError, OverflowError):
        return 0.0  # RFC 9111 §5.3: an invalid date has passed


Fetch = Callable[[str], Awaitable[UpstreamResponse]]
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
        self._clock = clock
        self._fetch = fetch
        self._cache: Cache[_Delegation] = Cache(clock)

    async def of(self, name: ServerName) -> ServerName | None:
        """Return what a homeserver delegates to; None when to nothing, or nothing valid."""
        delegation = await self._cache.get(name.text, lambda last: self._ask(name, last))
        return delegation.to

    async def _ask(self, name: ServerName, last: "_Delegation | None") -> "CacheEntry[_Delegation]":
        asked_at = self._clock.monotonic()
        try:
            answer = await self._fetch(f"https://{name.authority}/.well-known/matrix/server")
        except UpstreamError:
            return CacheEntry(self._still(last, asked_at), FAILURE)
        if answer.status in TEMPORARY:
            return CacheEntry(self._still(last, asked_at), FAILURE)
        to = _server(answer)
        if to is None:
            return CacheEntry(_Delegation(None, asked_at), ABSENT)
        return CacheEntry(_Delegation(to, asked_at), seconds_fresh(answer.headers, self._clock.now()))

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
        self._fetch = fetch
        self._cache: Cache[str | None] = Cache(clock)

    async def of(self, name: ServerName) -> str | None:
        """Return the base URL without a final slash; None when there is none."""
        return await self._cache.get(name.text, lambda last: self._ask(name, last))

    async def _ask(self, name: ServerName, last: str | None) -> CacheEntry[str | None]:
        try:
            answer = await self._fetch(f"https://{name.text}/.well-known/matrix/client")
        except UpstreamError:
            return CacheEntry(last, FAILURE)
        if answer.status in TEMPORARY:
            return CacheEntry(last, FAILURE)
        url = _base_url(answer)
        return CacheEntry(url, CLIENT if url else FAILURE)


def _server(answer: UpstreamResponse) -> ServerName | None:
    server = _member(answer, "m.server")
    try:
        return parse_server_name(server) if isinstance(server, str) else None
    except BadNameError:
        return None


def _base_url(answer: UpstreamResponse) -> str | None:
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


def _member(answer: UpstreamResponse, name: str) -> Any:
    if answer.status != 200:
        return None
    try:
        found = answer.json()
    except UpstreamError:
        return None
    return found.get(name) if isinstance(found, dict) else None
