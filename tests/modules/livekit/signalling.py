"""A stub of a LiveKit server's signalling: the websocket, with protobuf, and no media.

Calls are tested with a real server (`tests/livekit.py`); this one needs no build. It checks the token as a
real one does and speaks version 1 of the signalling path; the other end of the WebRTC connection is whoever
answers the offers in `offers`.
"""

import asyncio
import base64
import gzip
import queue
import threading
from typing import Any

from aiohttp import WSMsgType, web
from livekit.api import TokenVerifier
from livekit.protocol.models import ParticipantInfo, Room
from livekit.protocol.rtc import (
    JoinRequest,
    JoinResponse,
    SessionDescription,
    SignalRequest,
    SignalResponse,
    WrappedJoinRequest,
)


class Signalling:
    """Runs in a thread; `joined` are the tokens' claims, `left` counts those who said goodbye."""

    def __init__(self, key: str, secret: str) -> None:
        self._verifier = TokenVerifier(key, secret)
        self.joined: list[Any] = []
        self.faults: list[str] = []
        self.left = threading.Event()
        self.offers: queue.Queue[str] = queue.Queue()
        self._sockets: list[web.WebSocketResponse] = []
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self.port = 0
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        assert self._ready.wait(10)

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}"

    def answer(self, sdp: str) -> None:
        """Answer the last offer."""
        message = SignalResponse(answer=SessionDescription(type="answer", sdp=sdp, id=1))
        self._call(self._sockets[-1].send_bytes(message.SerializeToString()))

    def drop(self) -> None:
        """End the connection, as a server does that goes away."""
        self._call(self._sockets[-1].close())

    def close(self) -> None:
        self._call(self._runner.cleanup())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def _call(self, coroutine: Any) -> None:
        asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(10)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._start())
        self._ready.set()
        self._loop.run_forever()

    async def _start(self) -> None:
        app = web.Application()
        app.router.add_get("/rtc/v1", self._serve)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        try:
            claims = self._verifier.verify(request.query["access_token"])
            assert claims.video
            assert claims.video.room_join
        except Exception as error:
            self.faults.append(repr(error))
            return web.Response(status=401)
        self.joined.append(claims)
        socket = web.WebSocketResponse()
        self._sockets.append(socket)
        await socket.prepare(request)
        await socket.send_bytes(SignalResponse(join=_join(claims)).SerializeToString())
        self.offers.put(_join_request(request.query["join_request"]).publisher_offer.sdp)
        async for message in socket:
            if message.type is WSMsgType.BINARY:
                await self._hear(socket, SignalRequest.FromString(message.data))
        return socket

    async def _hear(self, socket: web.WebSocketResponse, request: SignalRequest) -> None:
        if request.HasField("leave"):
            self.left.set()
            await socket.close()


def _join(claims: Any) -> JoinResponse:
    return JoinResponse(
        room=Room(sid="RM_stub", name=claims.video.room),
        participant=ParticipantInfo(
            sid="PA_stub", identity=claims.identity, name=claims.name, state=ParticipantInfo.State.ACTIVE
        ),
        server_version="0.0.0-stub",
        ping_interval=30,
        ping_timeout=60,
    )


def _join_request(text: str) -> JoinRequest:
    wrapped = WrappedJoinRequest.FromString(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    packed = wrapped.compression == WrappedJoinRequest.Compression.GZIP
    return JoinRequest.FromString(gzip.decompress(wrapped.join_request) if packed else wrapped.join_request)
