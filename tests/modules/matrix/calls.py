"""Calls of the verification API, as Prosody's modules make them."""

import json
from dataclasses import dataclass
from typing import Any

from werkzeug.test import TestResponse

from tests.gateway import LocalGateway
from tests.modules.matrix.homeserver import Homeserver
from tests.synapse import User

API_TOKEN = "u7Qm-Zx3cV9bN2kL"
NOBODY = {"results": {"user": False}, "user_id": None}
NOBODY_IN_ROOM = {
    "results": {"room_membership": False, "user": False},
    "user_id": None,
    "power_levels": None,
}


@dataclass
class Caller:
    """Who calls, with the API token."""

    gateway: LocalGateway

    def post(self, path: str, body: Any, token: str | None = API_TOKEN) -> TestResponse:
        """Send a body: bytes as they are, everything else as JSON."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        return self.gateway.client().post(path, data=data, headers=headers)

    def user(self, user: User, **changes: Any) -> Any:
        """Return the answer to /verify/user."""
        return answered(self.post("/matrix/verify/user", openid(user) | changes))

    def user_in_room(self, user: User, room_id: str, **changes: Any) -> Any:
        """Return the answer to /verify/user_in_room."""
        body = openid(user) | {"room_id": room_id} | changes
        return answered(self.post("/matrix/verify/user_in_room", body))


def answered(answer: TestResponse) -> Any:
    """Return the body of an answer, which must be JSON with status 200."""
    assert (answer.status_code, answer.content_type) == (200, "application/json"), answer.text
    return json.loads(answer.data)


def openid(user: User) -> dict[str, Any]:
    """Return the fields that an OpenID token of a user fills."""
    token = user.openid_token()
    return {"matrix_server_name": token["matrix_server_name"], "token": token["access_token"]}


def not_in_room(user: User) -> dict[str, Any]:
    return {
        "results": {"room_membership": False, "user": True},
        "user_id": user.user_id,
        "power_levels": None,
    }


def in_room(user: User, room: dict[str, Any], level: int) -> dict[str, Any]:
    return {
        "results": {"room_membership": True, "user": True},
        "user_id": user.user_id,
        "power_levels": {"room": room, "user": level},
    }


def section(home: Homeserver, **changes: Any) -> dict[str, Any]:
    """Return the section of a homeserver."""
    return {"url": home.synapse.url, "access_token": home.admin.token, **changes}
