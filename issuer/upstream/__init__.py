"""All calls to other servers: one asyncio loop in a thread of each process, pools, limits, the address guard.

    answer = upstream.get("https://example.org/x", named_by=Party.OPERATOR)    # from a request thread
    room = upstream.call(api.room.create_room(request), deadline=10)           # any coroutine, on the loop
    api = LiveKitAPI(url, key, secret, session=upstream.session(), failover=False)

What a stranger names (`Party.STRANGER`) is judged by the guard at every connection. Calls in flight are
counted by destination (`issuer.upstream.bulkheads`). Whom to ask what is up to `issuer.matrix` and modules.
"""

from issuer.settings.models import UpstreamSettings
from issuer.upstream.answer import UpstreamResponse
from issuer.upstream.bulkheads import MOMENT
from issuer.upstream.errors import (
    BadAnswerError,
    RefusedError,
    TooManyCallsError,
    UnreachableError,
    UpstreamError,
)
from issuer.upstream.exchange import UpstreamCall
from issuer.upstream.party import Party
from issuer.upstream.upstream import Upstream

__all__ = [
    "MOMENT",
    "BadAnswerError",
    "Party",
    "RefusedError",
    "TooManyCallsError",
    "UnreachableError",
    "Upstream",
    "UpstreamCall",
    "UpstreamError",
    "UpstreamResponse",
    "UpstreamSettings",
]
