"""A homeserver over TLS and an SFU, which count: `python -m bench.baselines.upstreams PEM PORT...`.

The ports: of the homeserver, of its `.well-known` (0 for none), of the SFU, and of `/counts` and `/healthz`.
"""

import asyncio
import ssl
import sys
from collections import Counter
from typing import Any

from aiohttp import web
from livekit.protocol.models import Room
from livekit.protocol.room import CreateRoomRequest

USERINFO = "/_matrix/federation/v1/openid/userinfo"
WELL_KNOWN = "/.well-known/matrix/server"
CREATE_ROOM = "/twirp/livekit.RoomService/CreateRoom"


class Upstreams:
    """Answers, and counts connections, requests, and requests in flight."""

    def __init__(self, port: int) -> None:
        self.counts: Counter[str] = Counter()
        self._in_flight = 0
        self._name = f"localhost:{port}"

    async def userinfo(self, _request: web.BaseRequest) -> web.StreamResponse:
        self._in_flight += 1
        self.counts["userinfo"] += 1
        self.counts["peak"] = max(self.counts["peak"], self._in_flight)
        await asyncio.sleep(0)
        self._in_flight -= 1
        return web.json_response({"sub": f"@bench:{self.server_name}"})

    @property
    def server_name(self) -> str:
        return "localhost" if self.counts["delegates"] else self._name

    async def well_known(self, _request: web.BaseRequest) -> web.StreamResponse:
        self.counts["well-known"] += 1
        return web.json_response({"m.server": self._name})

    async def homeserver(self, request: web.BaseRequest) -> web.StreamResponse:
        answer = {USERINFO: self.userinfo, WELL_KNOWN: self.well_known}.get(request.path)
        return await answer(request) if answer else web.Response(status=404)

    async def sfu(self, request: web.BaseRequest) -> web.StreamResponse:
        self.counts["create"] += 1
        room = Room(name=CreateRoomRequest.FromString(await request.read()).name)
        return web.Response(body=room.SerializeToString(), content_type="application/protobuf")

    async def control(self, _request: web.BaseRequest) -> web.StreamResponse:
        return web.json_response(self.counts)


class Counted:
    """Makes the protocol of each connection, and counts."""

    def __init__(self, server: "web.Server[Any]", counts: Counter[str]) -> None:
        self._server = server
        self._counts = counts

    def __call__(self) -> asyncio.Protocol:
        self._counts["connections"] += 1
        return self._server()


async def main(pem: str, homeserver: int, well_known: int, sfu: int, control: int) -> None:
    loop, upstreams = asyncio.get_running_loop(), Upstreams(homeserver)
    upstreams.counts["delegates"] = int(bool(well_known))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(pem)
    counted = Counted(web.Server(upstreams.homeserver), upstreams.counts)
    await loop.create_server(counted, "127.0.0.1", homeserver, ssl=tls, backlog=1024)
    if well_known:
        await loop.create_server(web.Server(upstreams.homeserver), "127.0.0.1", well_known, ssl=tls)
    await loop.create_server(web.Server(upstreams.sfu), "127.0.0.1", sfu, backlog=1024)
    await loop.create_server(web.Server(upstreams.control), "127.0.0.1", control)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], *map(int, sys.argv[2:6])))
