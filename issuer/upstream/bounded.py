"""Bounds on every answer: its size, no compression (so that nothing swells), no redirect followed unseen."""

import aiohttp
from aiohttp import ClientHandlerType, ClientRequest, ClientResponse

from issuer.upstream.errors import BadAnswerError

REDIRECTS = frozenset({301, 302, 303, 307, 308})
IDENTITY = frozenset({"", "identity"})
CHUNK = 16 * 1024


def response_class(largest: int) -> type[ClientResponse]:
    """Return aiohttp's response, whose body may have at most `largest` bytes."""

    class BoundedResponse(ClientResponse):
        async def read(self) -> bytes:
            if self._body is None:
                self._body = await read_bounded(self, largest)
            return await super().read()

    return BoundedResponse


async def read_bounded(response: ClientResponse, largest: int) -> bytes:
    """Read a body to its end.

    Raises:
        BadAnswerError: when it has more than `largest` bytes, or is compressed, which we did not ask for.
    """
    if response.headers.get("Content-Encoding", "").strip().lower() not in IDENTITY:
        response.close()
        raise BadAnswerError(f"{response.url.raw_host} compressed its answer, though we asked it not to")
    body = bytearray()
    async for chunk in response.content.iter_chunked(CHUNK):
        body += chunk
        if len(body) > largest:
            response.close()
            raise BadAnswerError(f"the answer of {response.url.raw_host} has more than {largest} bytes")
    return bytes(body)


async def no_redirect(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
    """Refuse a redirect, which a library that uses our session would follow past the guard."""
    response = await handler(request)
    if response.status in REDIRECTS:
        response.close()
        raise aiohttp.ClientPayloadError(f"{request.url.raw_host} redirects, which is not followed here")
    return response
