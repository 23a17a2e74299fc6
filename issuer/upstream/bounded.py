"""Bounds on every answer: its size, what is beside its body, no compression (so that nothing swells).

No redirect is followed unseen.
"""

from typing import Any

import aiohttp
from aiohttp import ClientHandlerType, ClientRequest, ClientResponse
from aiohttp.client_proto import ResponseHandler

from issuer.upstream.errors import BadAnswerError

REDIRECTS = frozenset({301, 302, 303, 307, 308})
IDENTITY = frozenset({"", "identity"})
CHUNK = 16 * 1024


MOST_BESIDE = 256 * 1024
"""Bytes of an answer that are no body: header, interim answers (1xx), sizes and extensions of chunks."""


class BoundedProtocol(ResponseHandler):
    """A connection on which an answer has few bytes beside its body, however slowly they come."""

    _received = 0

    def set_response_params(self, **how: Any) -> None:
        """Begin to count: a request is sent."""
        self._received = 0
        super().set_response_params(**how)

    def data_received(self, data: bytes) -> None:
        """Take what came; give the connection up when it is too much (RFC 9110 §15.2, RFC 9112 §7.1.1)."""
        self._received += len(data)
        super().data_received(data)
        if self._received > MOST_BESIDE + 2 * getattr(self._payload, "total_bytes", 0):
            self._give_up()

    def _give_up(self) -> None:
        """End the connection; whoever reads the answer hears that it is lost."""
        if self.transport is not None:
            self.transport.abort()
        self.set_exception(aiohttp.ClientPayloadError("an answer with too much beside its body"))


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
