"""The bare way to a LiveKit token: a Flask route that makes the same two calls on an aiohttp loop, and signs.

`python -m bench.baselines.relay PORT WORKERS PEM HOMESERVER SFU`, on the server of the product.
"""

import asyncio
import hashlib
import json
import ssl
import sys
import threading
import time
from base64 import b64encode
from typing import Any

import aiohttp
import jwt
from flask import Flask, request
from livekit.api import CreateRoomRequest, LiveKitAPI

from bench.baselines.upstreams import USERINFO
from issuer.serving import ServeOptions, serve
from issuer.settings.models import ServerSettings

KEY, SECRET = "APIbench", "q7Zr2m-Xw9Kt4bVd" * 2


class Relay:
    """The loop and its session; made in each worker."""

    def __init__(self, pem: str, homeserver: str, sfu: str) -> None:
        self._homeserver, self._sfu = homeserver, sfu
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()
        self._session: aiohttp.ClientSession = self._wait(self._open(ssl.create_default_context(cafile=pem)))

    async def _open(self, tls: ssl.SSLContext) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0, ssl=tls))

    def user(self, token: str) -> str:
        return self._wait(self._user(token))

    def create(self, room: str) -> None:
        self._wait(self._create(room))

    def _wait(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _user(self, token: str) -> str:
        url = f"https://{self._homeserver}{USERINFO}"
        async with self._session.get(url, params={"access_token": token}) as answer:
            return str((await answer.json())["sub"])

    async def _create(self, room: str) -> None:
        api = LiveKitAPI(self._sfu, KEY, SECRET, session=self._session, failover=False)
        await api.room.create_room(CreateRoomRequest(name=room, empty_timeout=300, departure_timeout=20))


def name(*texts: str) -> str:
    return b64encode(hashlib.sha256(json.dumps(texts).encode()).digest()).decode().rstrip("=")


def app(relay: Relay) -> Flask:
    flask = Flask("relay")

    @flask.post("/get_token")
    def get_token() -> dict[str, str]:
        body = request.get_json()
        user = relay.user(body["openid_token"]["access_token"])
        room = name(body["room_id"], body["slot_id"])
        relay.create(room)
        now = int(time.time())
        video = {"roomJoin": True, "room": room, "canPublish": True, "canSubscribe": True}
        claims = {"iss": KEY, "sub": name(user), "nbf": now, "exp": now + 3600, "video": video}
        return {"url": "wss://sfu", "jwt": jwt.encode(claims, SECRET, "HS256")}

    return flask


def main() -> int:
    port, workers, pem, homeserver, sfu = sys.argv[1:]
    options = ServeOptions(f"127.0.0.1:{port}", int(workers), ServerSettings().threads)
    return serve(lambda: app(Relay(pem, homeserver, sfu)), options)


if __name__ == "__main__":
    sys.exit(main())
