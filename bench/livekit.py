"""The figures of the LiveKit module, between a stub homeserver over TLS and a stub SFU on this machine."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import psutil

from bench.baselines.relay import KEY, SECRET
from bench.figures import FULL, Figure, ratios
from bench.load import LoadError
from bench.servers import ISSUER, free_port, get, running
from tests.upstream.authority import Authority

SCRIPT = Path(__file__).with_name("livekit.lua")
PARTICIPANTS = 100
HTTPS = 443
ENOUGH = 3_000
"""Requests over which fetches are counted."""
CONFIGURATION = """\
public_url = "http://127.0.0.1:{port}/"

[server]
bind = "127.0.0.1:{port}"

[log]
level = "warning"

[upstream]
ca_file = "{ca}"

[modules.livekit]
url = "ws://127.0.0.1:{sfu}"
api_key = "{key}"
api_secret = "{secret}"
full_access_homeservers = ["{homeserver}"]
at_root = true
"""


@dataclass
class Setting:
    """Ports and names of everything, and where it lives."""

    directory: Path
    delegates: bool
    """The homeserver is found through `.well-known`, at port 443."""

    def __post_init__(self) -> None:
        self.directory.mkdir()
        authority = Authority(self.directory)
        self.ca, self.certificate = authority.path, authority.file("localhost")
        self.port, self.relay_port, self.homeserver_port, self.sfu, self.control = (
            free_port() for _ in range(5)
        )
        self.address = f"localhost:{self.homeserver_port}"
        self.homeserver = "localhost" if self.delegates else self.address
        self.user = f"@bench:{self.homeserver}"

    def upstreams(self) -> AbstractContextManager[psutil.Process]:
        ports = [self.homeserver_port, HTTPS if self.delegates else 0, self.sfu, self.control]
        module = [sys.executable, "-m", "bench.baselines.upstreams", str(self.certificate)]
        return running([*module, *map(str, ports)], self.control, self.directory / "upstreams.log")

    def product(self) -> AbstractContextManager[psutil.Process]:
        values = {"ca": self.ca, "sfu": self.sfu, "key": KEY, "secret": SECRET, "homeserver": self.homeserver}
        file = self.directory / "issuer.toml"
        file.write_text(CONFIGURATION.format(port=self.port, **values))
        command = [str(ISSUER), "--config", str(file), "serve"]
        return running(command, self.port, self.directory / "product.log")

    def relay(self) -> AbstractContextManager[psutil.Process]:
        arguments = [
            self.relay_port,
            os.cpu_count() or 1,
            self.ca,
            self.address,
            f"ws://127.0.0.1:{self.sfu}",
        ]
        command = [sys.executable, "-m", "bench.baselines.relay", *map(str, arguments)]
        return running(command, self.relay_port, self.directory / "relay.log")

    def counts(self) -> dict[str, int]:
        found: dict[str, int] = json.loads(get(self.control, "/").read())
        return found

    def load(self, port: int, clients: int = FULL.clients) -> float:
        """Put a load on a port; return the rate."""
        url = f"http://127.0.0.1:{port}/get_token"
        command = ["wrk", "--threads", "1", "--connections", str(clients), "--timeout", "15s"]
        command += ["--duration", f"{FULL.seconds:g}s", "--script", str(SCRIPT), url, "--"]
        run = subprocess.run(
            [*command, self.homeserver, self.user], capture_output=True, text=True, check=False
        )
        if run.returncode:
            raise LoadError(f"wrk failed: {run.stdout}{run.stderr}")
        found = json.loads(run.stdout.splitlines()[-1])
        if found["failed"]:
            raise LoadError(f"{url}: {found['failed']} of {found['requests']} requests failed")
        return float(found["requests"] / found["seconds"])

    def body(self, number: int) -> dict[str, Any]:
        token = {"access_token": "bench", "matrix_server_name": self.homeserver}
        member = {"id": str(number), "claimed_user_id": self.user, "claimed_device_id": "DEV"}
        return {"room_id": "!one:bench", "slot_id": "m.call#ROOM", "openid_token": token, "member": member}


def figures(directory: Path) -> Iterator[Figure]:
    """Measure everything."""
    setting = Setting(directory / "livekit", delegates=False)
    with setting.upstreams(), setting.relay():
        with setting.product():
            yield rate(setting)
        with setting.product():
            yield from connections(setting)
        with setting.product():
            yield one_room(setting)
    yield well_known(Setting(directory / "delegated", delegates=True))


def rate(setting: Setting) -> Figure:
    setting.load(setting.port)
    values, note = ratios(lambda: setting.load(setting.port), lambda: setting.load(setting.relay_port))
    return Figure("/get_token : bare route with the same two calls", 0.5, values, f"{note} /s", is_ratio=True)


def connections(setting: Setting) -> Iterator[Figure]:
    before = setting.counts()["connections"]
    setting.load(setting.port)
    half = setting.counts()["connections"]
    setting.load(setting.port)
    new = [half - before, setting.counts()["connections"] - half]
    ratio = new[0] / FULL.clients
    note = f"{new[0]} for {FULL.clients} requests in flight"
    yield Figure("TLS connections : requests in flight", 1.2, [ratio], note, is_most=True)
    yield Figure("new TLS connections in the second half", 0, [float(new[1])], "", is_most=True)


def one_room(setting: Setting) -> Figure:
    before = setting.counts()["create"]
    statuses = asyncio.run(_join(setting))
    if statuses != [200] * PARTICIPANTS:
        raise LoadError(f"participants were answered with {sorted(set(statuses))}")
    calls = float(setting.counts()["create"] - before)
    return Figure(f"CreateRoom calls for {PARTICIPANTS} at once", 5, [calls], "", is_most=True)


async def _join(setting: Setting) -> list[int]:
    url = f"http://127.0.0.1:{setting.port}/get_token"
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def join(number: int) -> int:
            async with session.post(url, json=setting.body(number)) as answer:
                return answer.status

        return list(await asyncio.gather(*(join(number) for number in range(PARTICIPANTS))))


def well_known(setting: Setting) -> Figure:
    with ExitStack() as stack:
        stack.enter_context(setting.upstreams())
        stack.enter_context(setting.product())
        requests = 0.0
        while requests < ENOUGH:
            requests += setting.load(setting.port) * FULL.seconds
        fetches = setting.counts().get("well-known", 0)
    note = f"{fetches} in {requests:.0f}"
    return Figure("well-known fetches per 1,000 requests", 2, [fetches / requests * 1000], note, is_most=True)
