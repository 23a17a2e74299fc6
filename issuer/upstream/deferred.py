"""Answers whose content a coroutine finds at other servers. Where our server allows it, no thread waits."""

from collections.abc import Callable, Coroutine
from typing import Any

from flask import Response, request

from issuer.runtime import Done, defer_response
from issuer.upstream import MOMENT, Upstream

Find = Callable[[float], Coroutine[Any, Any, bytes]]
"""Finds the content, in bounded time. It gets the seconds for which it may wait for its turn at a server."""


def respond(upstream: Upstream, find: Find, content_type: str) -> Response:
    """Answer the request in hand with what a coroutine finds on the loop.

    When it raises, the request is answered anew, and a thread waits: so `find` must be repeatable.
    """
    deferred = defer_response(request.environ)
    if deferred is None:
        return Response(upstream.call(find(MOMENT), None), content_type=content_type)
    deferred.wait_for(lambda done: _begin(upstream, find, done))
    return Response(content_type=content_type)


def _begin(upstream: Upstream, find: Find, done: Done) -> None:
    def ended(content: bytes | None, error: BaseException | None) -> None:
        done(content if error is None else RuntimeError(type(error).__name__))

    upstream.begin(find(upstream.settings.total_timeout), ended)
