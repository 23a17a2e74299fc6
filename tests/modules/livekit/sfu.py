"""A stub SFU: speaks Twirp with protobuf as LiveKit does, and looks at who calls as LiveKit does."""

import json

import jwt
from livekit.protocol.models import Room
from livekit.protocol.room import CreateRoomRequest

from tests.upstream.stub import Reply, Seen, Stub

KEY = "APIexample"
SECRET = "q7Zr2m-Xw9Kt4bVd" * 2
CREATE_ROOM = "/twirp/livekit.RoomService/CreateRoom"


class Sfu:
    """Keeps the rooms that were created, and what was wrong with other calls."""

    def __init__(self) -> None:
        self.rooms: list[CreateRoomRequest] = []
        self.faults: list[str] = []
        self.refusal: Reply | None = None
        self.delay: Reply = Reply()
        self.server = Stub(self._answer)

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.server.port}"

    def close(self) -> None:
        self.server.close()

    def _answer(self, seen: Seen) -> Reply:
        if fault := _fault(seen):
            self.faults.append(fault)
            return _twirp_error(401, "unauthenticated")
        if self.refusal:
            return self.refusal
        request = CreateRoomRequest.FromString(seen.body)
        self.rooms.append(request)
        room = Room(name=request.name, empty_timeout=request.empty_timeout)
        headers = {"Content-Type": "application/protobuf"}
        return Reply(200, room.SerializeToString(), headers, waits_for=self.delay.waits_for)


def refuses(status: int, code: str) -> Reply:
    return _twirp_error(status, code)


def _twirp_error(status: int, code: str) -> Reply:
    # Twirp wire protocol v7, "Error Codes": errors are JSON whatever the request is
    body = json.dumps({"code": code, "msg": "no"}).encode()
    return Reply(status, body, {"Content-Type": "application/json"})


def _fault(seen: Seen) -> str:
    if (seen.method, seen.path) != ("POST", CREATE_ROOM):
        return f"{seen.method} {seen.path}"
    if seen.headers.get("Content-Type") != "application/protobuf":
        return "not protobuf"
    authorization = {name.lower(): value for name, value in seen.headers.items()}.get("authorization", "")
    try:
        claims = jwt.decode(authorization.removeprefix("Bearer "), SECRET, ["HS256"], issuer=KEY)
    except jwt.PyJWTError as error:
        return f"token: {error}"
    return "" if claims.get("video", {}).get("roomCreate") is True else "no grant to create rooms"
