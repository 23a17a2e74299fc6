"""A homeserver over TLS with one room: `python -m bench.baselines.homeserver PEM PORT CONTROL`.

Answers whose OpenID token it is and, as Synapse's admin API does, who is in the room.
"""

import asyncio
import ssl
import sys
from collections import Counter

from aiohttp import web

USERINFO = "/_matrix/federation/v1/openid/userinfo"
LEVELS = {"state_default": 50, "users_default": 0, "events": {"m.room.name": 50}}


class Homeserver:
    """Counts what it is asked."""

    def __init__(self, port: int) -> None:
        self.user = f"@bench:localhost:{port}"
        self._counts: Counter[str] = Counter()

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        name = request.path.rpartition("/")[2]
        self._counts[name] += 1
        if name == "userinfo":
            return web.json_response({"sub": self.user})
        if name == "members":
            return web.json_response({"members": [self.user], "total": 1})
        wanted = request.url.query.get("type")
        return web.json_response({"state": [event for event in self._state() if event["type"] == wanted]})

    def _state(self) -> list[dict[str, object]]:
        levels = {**LEVELS, "users": {self.user: 50}}
        create = {
            "type": "m.room.create",
            "state_key": "",
            "sender": self.user,
            "content": {"room_version": "11"},
        }
        return [create, {**create, "type": "m.room.power_levels", "content": levels}]

    async def control(self, _request: web.BaseRequest) -> web.StreamResponse:
        return web.json_response(self._counts)


async def main(pem: str, port: int, control: int) -> None:
    loop, homeserver = asyncio.get_running_loop(), Homeserver(port)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(pem)
    await loop.create_server(web.Server(homeserver.answer), "127.0.0.1", port, ssl=tls, backlog=1024)
    await loop.create_server(web.Server(homeserver.control), "127.0.0.1", control)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], *map(int, sys.argv[2:4])))
