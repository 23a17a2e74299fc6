"""`/verify/user_in_room` with the members of the room in the cache, against a bare program with aiohttp."""

import http.client
import json
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from bench.figures import FULL, Figure, ratios
from bench.load import put
from bench.servers import ISSUER, free_port, get, running
from tests.upstream.authority import Authority

SCRIPT = Path(__file__).with_name("matrix.lua")
ROOM = "!one:bench"
CONFIGURATION = """\
public_url = "http://127.0.0.1:{port}/"

[server]
bind = "127.0.0.1:{port}"

[log]
level = "warning"

[upstream]
ca_file = "{ca}"

[matrix.homeservers."localhost:{homeserver}"]
url = "https://localhost:{homeserver}"
access_token = "bench"

[modules.matrix]
server_names = ["localhost:{homeserver}"]
at_root = true
"""


def figures(directory: Path) -> Iterator[Figure]:
    """Measure the one figure; both must answer the same, and each request must have asked the homeserver."""
    folder = directory / "matrix"
    folder.mkdir()
    authority = Authority(folder)
    certificate = str(authority.file("localhost"))
    product, bare, homeserver, control = (free_port() for _ in range(4))
    file = folder / "issuer.toml"
    file.write_text(CONFIGURATION.format(port=product, ca=authority.path, homeserver=homeserver))
    python = [sys.executable, "-m"]
    upstream = [*python, "bench.baselines.homeserver", certificate, str(homeserver), str(control)]
    arguments = [str(bare), str(os.cpu_count() or 1), str(authority.path), f"localhost:{homeserver}"]
    with ExitStack() as stack:
        for command, port in (
            (upstream, control),
            ([*python, "bench.baselines.verify", *arguments], bare),
            ([str(ISSUER), "--config", str(file), "serve"], product),
        ):
            stack.enter_context(running(command, port, folder / f"{port}.log"))
        if (ours := answer(product, homeserver)) != (theirs := answer(bare, homeserver)):
            raise RuntimeError(f"{ours} is not {theirs}")

        def rate(port: int) -> float:
            before = asked(control)
            result = put(FULL, f"http://127.0.0.1:{port}/verify/user_in_room", homeserver, SCRIPT)
            if asked(control) - before < result.requests:
                raise RuntimeError(f"{result.requests} requests, and the homeserver was not asked for each")
            return result.rate

        values, note = ratios(lambda: rate(product), lambda: rate(bare))
    name = "/verify/user_in_room : bare aiohttp program"
    yield Figure(name, 0.5, values, f"{note} /s", is_ratio=True)


def answer(port: int, homeserver: int) -> dict[str, Any]:
    """Return what a program answers."""
    body = {"matrix_server_name": f"localhost:{homeserver}", "room_id": ROOM, "token": "bench"}
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("POST", "/verify/user_in_room", json.dumps(body), {"Connection": "close"})
    found: dict[str, Any] = json.loads(connection.getresponse().read())
    return found


def asked(control: int) -> int:
    """Return how often the homeserver was asked whose token it is."""
    return int(json.loads(get(control, "/").read()).get("userinfo", 0))
