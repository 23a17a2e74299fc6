"""One call: the request, redirects judged again, errors without the URL (which may hold a token)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

import aiohttp
from yarl import URL

from issuer.settings.models import UpstreamSettings
from issuer.upstream.addresses import AddressRefusedError
from issuer.upstream.answer import UpstreamResponse
from issuer.upstream.bounded import REDIRECTS, read_bounded
from issuer.upstream.errors import BadAnswerError, RefusedError, UnreachableError
from issuer.upstream.party import Party
from issuer.upstream.pools import Pools


@dataclass(frozen=True, slots=True)
class UpstreamCall:
    """A request to another server."""

    url: str = field(repr=False)
    """Percent-encoded already."""
    named_by: Party
    method: str = "GET"
    server_name: str | None = None
    """The name to ask for (`Host`) where the URL has another; the certificate must be for it."""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | None = field(default=None, repr=False)
    follow: bool = False
    """Follow redirects, without `headers`."""
    insecure: bool = False
    """Towards homeservers: verify no certificate, and lift the guard. For a lab."""
    largest: int = 0
    """Most bytes of the answer; 0 means `upstream.largest_answer`."""


async def exchange(pools: Pools, settings: UpstreamSettings, call: UpstreamCall) -> UpstreamResponse:
    """Make a call, and follow its redirects when it says so; the caller bounds the time.

    Raises:
        issuer.upstream.UpstreamError: when there is no answer, or no usable one.
    """
    url = first = URL(call.url, encoded=True)
    for _ in range(settings.redirects + 1):
        guarded = _is_guarded(settings, call, redirected=not _same(url, first))
        pool = pools.guarded if guarded else pools.exempt
        answer = await _once(pools, pool, url, call if url is first else _redirected(call))
        location = answer.headers.get("Location")
        if not call.follow or answer.status not in REDIRECTS or location is None:
            return answer
        url = _target(url, location)
    raise BadAnswerError(f"{where(first)} redirects more than {settings.redirects} times")


def _same(url: URL, other: URL) -> bool:
    return url is other or where(url).lower() == where(other).lower()


def _is_guarded(settings: UpstreamSettings, call: UpstreamCall, *, redirected: bool) -> bool:
    if call.named_by is Party.OPERATOR:
        return redirected
    lifted = call.insecure or settings.allow_private_networks
    return not lifted and (redirected or call.named_by is Party.STRANGER)


def _redirected(call: UpstreamCall) -> UpstreamCall:
    return UpstreamCall("", call.named_by, follow=True, insecure=call.insecure, largest=call.largest)


def _target(url: URL, location: str) -> URL:
    try:
        target = url.join(URL(location))
        secure = target.scheme == "https" or target.scheme == url.scheme == "http"
        if secure and target.raw_host and "@" not in target.raw_authority and location.isascii():
            return target
    except ValueError:
        pass
    raise BadAnswerError(f"{where(url)} redirects to where we do not follow")


async def _once(pools: Pools, pool: aiohttp.ClientSession, url: URL, call: UpstreamCall) -> UpstreamResponse:
    headers = {"Host": call.server_name, **call.headers} if call.server_name else dict(call.headers)
    if call.named_by is Party.STRANGER and not pools.kept.may_keep(where(url)):
        headers["Connection"] = "close"
    try:
        async with pool.request(
            call.method,
            url,
            headers=headers,
            data=call.body,
            allow_redirects=False,
            timeout=pools.timeout,
            ssl=pools.unverified if call.insecure and call.named_by.is_homeserver else True,
            server_hostname=_host(call.server_name),
            middlewares=(),
        ) as response:
            body = await (read_bounded(response, call.largest) if call.largest else response.read())
            return UpstreamResponse(response.status, response.headers, body)
    except aiohttp.ClientConnectorError as error:
        raise _no_connection(url, call.named_by, error.os_error) from None
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
        raise UnreachableError(f"{where(url)}: {type(error).__name__}") from None


def _no_connection(url: URL, named_by: Party, error: OSError) -> RefusedError | UnreachableError:
    if not isinstance(error, AddressRefusedError):
        return UnreachableError(f"{where(url)}: {error}")
    text = f"{where(url)} is at {error.address}, to which a stranger or a redirect shall not lead us"
    if named_by.is_homeserver:
        text += "; for a homeserver of yours, list it by name, or set upstream.allow_private_networks"
    return RefusedError(text)


@lru_cache(maxsize=1024)
def _host(server_name: str | None) -> str | None:
    return URL(f"https://{server_name}/", encoded=True).raw_host if server_name else None


def where(url: URL) -> str:
    """Return host and port of a URL, which is what a log may know of it."""
    return f"{url.raw_host}:{url.port}"
