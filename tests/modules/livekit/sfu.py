"""A stub SFU: speaks Twirp with protobuf as LiveKit does, and looks at who calls as LiveKit does."""

import base64
import hashlib
import json
import time
from typing import Any

import jwt
from livekit.protocol.models import ParticipantInfo, Room
from livekit.protocol.room import CreateRoomRequest, ListRoomsResponse, RoomParticipantIdentity

from tests.upstream.stub import Reply, Seen, Stub

KEY = "APIexample"
SECRET = "q7Zr2m-Xw9Kt4bVd" * 2
CREATE_ROOM = "/twirp/livekit.RoomService/CreateRoom"
LIST_ROOMS = "/twirp/livekit.RoomService/ListRooms"
GET_PARTICIPANT = "/twirp/livekit.RoomService/GetParticipant"


class Sfu:
    """Keeps the rooms that were created, and what was wrong with other calls."""

    def __init__(self) -> None:
        self.rooms: list[CreateRoomRequest] = []
        self.participants: dict[tuple[str, str], str] = {}
        """Sids by room and identity."""
        self.created_at = 2**33
        """When a room was created, as the SFU says, and its name of it: every room is new."""
        self.sid = "RM_x"
        self.lookups: list[tuple[str, str]] = []
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
        if seen.path == LIST_ROOMS:
            return self._found(ListRoomsResponse())
        if seen.path == GET_PARTICIPANT:
            return self._participant(RoomParticipantIdentity.FromString(seen.body))
        request = CreateRoomRequest.FromString(seen.body)
        self.rooms.append(request)
        room = Room(sid=self.sid, name=request.name, creation_time=self.created_at)
        return self._found(room)

    def _participant(self, asked: RoomParticipantIdentity) -> Reply:
        pair = asked.room, asked.identity
        self.lookups.append(pair)
        if pair not in self.participants:
            return _twirp_error(404, "not_found")
        return self._found(ParticipantInfo(sid=self.participants[pair], identity=asked.identity))

    def _found(self, message: Room | ParticipantInfo | ListRoomsResponse) -> Reply:
        headers = {"Content-Type": "application/protobuf"}
        return Reply(200, message.SerializeToString(), headers, waits_for=self.delay.waits_for)


def refuses(status: int, code: str) -> Reply:
    return _twirp_error(status, code)


def _twirp_error(status: int, code: str) -> Reply:
    # Twirp wire protocol v7, "Error Codes": errors are JSON whatever the request is
    body = json.dumps({"code": code, "msg": "no"}).encode()
    return Reply(status, body, {"Content-Type": "application/json"})


def _fault(seen: Seen) -> str:
    if seen.method != "POST" or seen.path not in {CREATE_ROOM, GET_PARTICIPANT, LIST_ROOMS}:
        return f"{seen.method} {seen.path}"
    if seen.headers.get("Content-Type") != "application/protobuf":
        return "not protobuf"
    authorization = {name.lower(): value for name, value in seen.headers.items()}.get("authorization", "")
    try:
        claims = jwt.decode(authorization.removeprefix("Bearer "), SECRET, ["HS256"], issuer=KEY)
    except jwt.PyJWTError as error:
        return f"token: {error}"
    grants = claims.get("video", {})
    if seen.path == GET_PARTICIPANT:
        room = RoomParticipantIdentity.FromString(seen.body).room
        good = grants.get("roomAdmin") is True and grants.get("room") == room
        return "" if good else "no grant to look into the room"
    grant = "roomList" if seen.path == LIST_ROOMS else "roomCreate"
    return "" if grants.get(grant) is True else f"no grant {grant}"


def webhook(event: str, room: str, identity: str, sid: str = "", /, **more: Any) -> bytes:
    """Return the body of a webhook, as LiveKit's protojson writes it; every one is another."""
    body: dict[str, Any] = {
        "event": event,
        "room": {"sid": "RM_x", "name": room, "emptyTimeout": 300},
        "participant": {"sid": sid, "identity": identity, "state": "ACTIVE", "isPublisher": True},
        "id": f"EV_{time.monotonic_ns()}",
        "createdAt": str(int(time.time())),
    }
    return json.dumps({name: value for name, value in {**body, **more}.items() if value is not None}).encode()


def signed(body: bytes, secret: str = SECRET, **claims: Any) -> str:
    """Return the token of a webhook; a claim that is None is left out."""
    now = int(time.time())
    digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
    found = {"iss": KEY, "nbf": now, "exp": now + 300, "sha256": digest, **claims}
    return jwt.encode({name: value for name, value in found.items() if value is not None}, secret, "HS256")
