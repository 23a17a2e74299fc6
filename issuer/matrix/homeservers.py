"""What modules ask of homeservers."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlencode

import dns.asyncresolver

from issuer.matrix.errors import NoClientApiError, OpenIdRefusedError, refusal_of
from issuer.matrix.names import BadNameError, ServerName, parse_server_name, parse_user_id
from issuer.matrix.resolution import Destination, Resolution, ServiceRecords
from issuer.matrix.well_known import ClientApis, Delegations, Fetch
from issuer.upstream import (
    Party,
    RefusedError,
    UnreachableError,
    Upstream,
    UpstreamCall,
    UpstreamError,
    UpstreamResponse,
)
from issuer.world import Clock

T = TypeVar("T")

USERINFO = "/_matrix/federation/v1/openid/userinfo"
LONGEST_TOKEN = 4096
"""Synapse leaves requests of more than 16 KB without an answer; its tokens have 24 characters."""


@dataclass(frozen=True, slots=True)
class ClientServerApi:
    """Where the client-server API of a homeserver is."""

    url: str
    """Without a final slash."""
    named_by: Party
    insecure: bool = False

    def call(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> UpstreamCall:
        """Return a request to a path below the URL, percent-encoded already."""
        url = self.url + path
        return UpstreamCall(url, self.named_by, method, headers=headers, body=body, insecure=self.insecure)


class Homeservers:
    """Homeservers by their names. Methods that are no coroutines are for request threads, and wait."""

    def __init__(
        self,
        upstream: Upstream,
        clock: Clock,
        *,
        listed: Iterable[str],
        overrides: Mapping[str, str],
        insecure: bool = False,
        name_servers: dns.asyncresolver.Resolver | None = None,
    ) -> None:
        """Know nothing of any homeserver yet.

        Args:
            upstream: makes the calls.
            clock: the clock.
            listed: server names in the configuration, exempt from the guard with what their discovery
                names; "*" exempts nobody.
            overrides: base URLs of client-server APIs by server name.
            insecure: verify no certificate of a homeserver, and lift the guard. For a lab.
            name_servers: asked for SRV records; default: the system's.
        """
        self._upstream = upstream
        self._seconds = upstream.settings.total_timeout
        self._listed = frozenset(listed) - {"*"}
        self._overrides = dict(overrides)
        self._insecure = insecure
        self._known = {
            party: _Known(upstream, clock, self._fetch_by(party), name_servers)
            for party in (Party.LISTED, Party.STRANGER)
        }

    def party(self, server_name: str) -> Party:
        """Return who named a homeserver: the configuration, or a stranger."""
        return Party.LISTED if server_name in self._listed else Party.STRANGER

    def verify_openid(self, server_name: str, access_token: str) -> str:
        """Return the user (as "@alice:example.org") to whom a homeserver gave an OpenID token; never cached.

        Raises:
            OpenIdRefusedError: when the homeserver refuses the token, names a user of another server, or when
                `server_name` is no server name.
            issuer.upstream.TooManyCallsError: when too many calls are in flight.
            issuer.upstream.UpstreamError: when the homeserver gives no usable answer.
        """
        name = _checked(server_name, access_token)
        return _user_of(name, self._wait(name, lambda: self._userinfo(name, access_token)))

    async def find_openid_user(self, server_name: str, access_token: str, patience: float) -> str:
        """Return the same for a coroutine on the loop, which waits for its turn at most `patience` seconds.

        It raises the same.
        """
        name = _checked(server_name, access_token)
        async with self._upstream.in_flight(name.text, self.party(name.text), patience):
            return _user_of(name, await self._in_time(name, self._userinfo(name, access_token)))

    def client_server_api(self, server_name: str) -> str:
        """Return the base URL of a homeserver's client-server API, without a final slash.

        Raises:
            NoClientApiError: when it cannot be found.
            issuer.upstream.UpstreamError: when the homeserver cannot be asked.
        """
        if server_name in self._overrides:
            return self._overridden(server_name).url
        name = _parsed_for_clients(server_name)
        return self._wait(name, lambda: self.find_client_server_api(server_name)).url

    async def find_client_server_api(self, server_name: str) -> ClientServerApi:
        """Return the same for a coroutine on the loop, with who named it; raise the same."""
        if server_name in self._overrides:
            return self._overridden(server_name)
        name = _parsed_for_clients(server_name)
        url = await self._knowledge(name).client_apis.of(name)
        if url is None:
            raise NoClientApiError(f"{name.text} does not say where its client-server API is")
        return ClientServerApi(url, self.party(name.text), self._insecure)

    def _overridden(self, server_name: str) -> ClientServerApi:
        return ClientServerApi(self._overrides[server_name].rstrip("/"), Party.LISTED, self._insecure)

    def resolve(self, server_name: str) -> Destination:
        """Return where a homeserver is.

        Raises:
            OpenIdRefusedError: when `server_name` is no server name.
            issuer.upstream.UpstreamError: when it cannot be found out.
        """
        name = _parsed(server_name)
        return self._wait(name, lambda: self._knowledge(name).resolution.destination(name))

    async def _userinfo(self, name: ServerName, access_token: str) -> UpstreamResponse:
        destination = await self._knowledge(name).resolution.destination(name)
        query = urlencode({"access_token": access_token})
        failure: UpstreamError = UnreachableError(f"{name.text} has no address")
        for host, port in destination.targets:
            authority = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
            url = f"https://{authority}{USERINFO}?{query}"
            call = UpstreamCall(
                url, self.party(name.text), server_name=destination.server_name, insecure=self._insecure
            )
            try:
                return await self._upstream.fetch_unbounded(call)  # `_in_time` bounds it
            except (RefusedError, UnreachableError) as error:
                failure = error
        raise failure

    def _wait(self, name: ServerName, make: Callable[[], Coroutine[Any, Any, T]]) -> T:
        with self._upstream.held(name.text, self.party(name.text)):
            return self._upstream.call(self._in_time(name, make()), self._seconds + 1)

    async def _in_time(self, name: ServerName, coroutine: Coroutine[Any, Any, T]) -> T:
        try:
            async with asyncio.timeout(self._seconds):
                return await coroutine
        except TimeoutError:
            raise UnreachableError(f"{name.text}: no answer in {self._seconds:g} s") from None

    def _knowledge(self, name: ServerName) -> "_Known":
        return self._known[self.party(name.text)]

    def _fetch_by(self, party: Party) -> Fetch:
        async def fetch(url: str) -> UpstreamResponse:
            call = UpstreamCall(url, party, follow=True, insecure=self._insecure)
            try:
                async with asyncio.timeout(self._seconds / 2):  # the other half is for what discovery is for
                    return await self._upstream.fetch(call)
            except TimeoutError:
                raise UnreachableError("no answer in time") from None

        return fetch


class _Known:
    """What was learnt of homeservers; strangers' apart: they cannot crowd out the listed ones."""

    def __init__(
        self, upstream: Upstream, clock: Clock, fetch: Fetch, resolver: dns.asyncresolver.Resolver | None
    ) -> None:
        services = ServiceRecords(clock, upstream.settings.connect_timeout, resolver)
        self.resolution = Resolution(Delegations(clock, fetch), services)
        self.client_apis = ClientApis(clock, fetch)


def _parsed(server_name: str) -> ServerName:
    try:
        return parse_server_name(server_name)
    except BadNameError as error:
        raise OpenIdRefusedError(f"not a server name: {error}") from None


def _parsed_for_clients(server_name: str) -> ServerName:
    try:
        return parse_server_name(server_name)
    except BadNameError as error:
        raise NoClientApiError(f"not a server name: {error}") from None


def _checked(server_name: str, access_token: str) -> ServerName:
    if not access_token.isascii() or not 0 < len(access_token) <= LONGEST_TOKEN:
        raise OpenIdRefusedError("an OpenID token is empty, too long, or not ASCII")
    return _parsed(server_name)


def _user_of(name: ServerName, answer: UpstreamResponse) -> str:
    if answer.status != 200:
        raise refusal_of(name.text, answer)
    found = answer.json()
    sub = found.get("sub") if isinstance(found, dict) else None
    try:
        user = parse_user_id(sub) if isinstance(sub, str) else None
    except BadNameError:
        user = None
    if user is None or user.server.text != name.text:
        raise OpenIdRefusedError(f"{name.text} named a user who is not its own")
    return user.text
