"""`POST /livekit/token` with a session: session, origin, rule, claims, signature, row, line in the log."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from bench.figures import FULL, Figure, ratios
from bench.load import put
from bench.product import Product
from bench.servers import baseline, free_port

SCRIPT = Path(__file__).with_name("people.lua")
SESSIONS = 1_000
CONFIGURATION = """\
public_url = "http://127.0.0.1:{port}/"

[server]
bind = "127.0.0.1:{port}"

[modules.livekit]
url = "wss://sfu.example.com"
api_key = "bench"
api_secret = "{secret}"
rule = 'inGroup("staff") && room.startsWith("b")'

[modules.livekit.people]
identity_secret = "{secret}"
"""


def figures(directory: Path) -> Iterator[Figure]:
    """Measure the one figure; every token must have its issuance."""
    product = Product(directory / "people", SESSIONS, CONFIGURATION)
    with ExitStack() as stack:
        stack.enter_context(product.running())
        port = free_port()
        stack.enter_context(baseline(directory, port))

        def tokens() -> float:
            before = product.issuances()
            result = put(FULL, product.url("/livekit/token"), SESSIONS, SCRIPT)
            if (recorded := product.issuances() - before) < result.requests:
                raise RuntimeError(f"{result.requests} tokens, and {recorded} issuances")
            return result.rate

        def bare() -> float:
            return put(FULL, f"http://127.0.0.1:{port}/token", SESSIONS, SCRIPT).rate

        values, note = ratios(tokens, bare)
        yield Figure("livekit-token : bare Flask JSON route", 0.40, values, f"{note} /s", is_ratio=True)
