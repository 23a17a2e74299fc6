"""The product in processes of its own, and clients that stay with one of its workers."""

import http.client
import json
import os
import signal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil

from modules.livekit.names import digest, room_name
from tests.modules.livekit.calls import ROOM, SLOT
from tests.modules.livekit.delegation.homeserver import Delayed, DelayingHomeserver
from tests.modules.livekit.sfu import KEY, SECRET, Sfu, signed, webhook
from tests.service import Service, wait_for
from tests.upstream.authority import Authority

LIVEKIT_ROOM = room_name(ROOM, SLOT)
CONFIGURATION = """\
public_url = "http://127.0.0.1:{{port}}/"

[server]
bind = "127.0.0.1:{{port}}"
workers = {workers}

[store]
url = "{store}"

[upstream]
ca_file = "{authority}"
allow_private_networks = true

[modules.livekit]
url = "{sfu}"
api_key = "{key}"
api_secret = "{secret}"
full_access_homeservers = ["{homeserver}"]
cs_api_urls = {{{{ "{homeserver}" = "https://{homeserver}" }}}}
"""


class Replica(Service):
    """One machine of ours."""

    def __init__(
        self,
        directory: Path,
        store: str,
        servers: tuple[DelayingHomeserver, Sfu, Authority],
        workers: int = 2,
    ) -> None:
        self.homeserver, self.sfu, authority = servers
        self._connections: list[Connection] = []
        super().__init__(
            directory,
            CONFIGURATION.format(
                workers=workers,
                store=store,
                authority=authority.path,
                sfu=self.sfu.url,
                key=KEY,
                secret=SECRET,
                homeserver=self.homeserver.name,
            ),
        )

    def connect(self) -> "Connection":
        self._connections.append(Connection(self))
        return self._connections[-1]

    def stop(self) -> None:
        for connection in self._connections:
            connection.close()
        super().stop()

    def kill_everything(self) -> None:
        """End the whole machine."""
        processes = [psutil.Process(self.process.pid), *self.workers()]
        for process in processes:
            process.send_signal(signal.SIGSTOP)  # so that nobody is replaced, and all end at once
        for process in processes:
            process.kill()
        self.process.wait(60)
        psutil.wait_procs(processes, 60)


class Connection:
    """A kept connection: all its requests are answered by the same worker."""

    def __init__(self, replica: Replica) -> None:
        self.replica = replica
        self.homeserver = replica.homeserver
        parts = urlsplit(replica.url)
        self._http = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=60)

    def worker(self) -> psutil.Process:
        """Return the process at the other end."""
        port = self._http.sock.getsockname()[1]
        (found,) = [
            worker
            for worker in self.replica.workers()
            if any(c.raddr and c.raddr.port == port for c in worker.net_connections("tcp"))
        ]
        return found

    def delegate(self, member: str, delay: float = 8.0) -> Delayed:
        homeserver = self.homeserver
        event = homeserver.schedule(f"syd_{member}", delay)
        claimed = {"id": member, "claimed_user_id": homeserver.user, "claimed_device_id": "DEV"}
        body: dict[str, Any] = {
            "room_id": ROOM,
            "slot_id": SLOT,
            "openid_token": {"access_token": "alice-token", "matrix_server_name": homeserver.name},
            "member": claimed,
            "delay_id": f"syd_{member}",
            "delay_timeout": round(delay * 1000),
        }
        assert self._post("/delegate_delayed_leave", json.dumps(body).encode(), {}) == 200
        return event

    def hook(self, name: str, member: str) -> None:
        identity = digest(self.homeserver.user, "DEV", member)
        body = webhook(name, LIVEKIT_ROOM, identity, f"PA_{member}")
        assert self._post("/sfu_webhook", body, {"Authorization": signed(body)}) == 200

    def join(self, member: str) -> None:
        pair = LIVEKIT_ROOM, digest(self.homeserver.user, "DEV", member)
        self.replica.sfu.participants[pair] = f"PA_{member}"
        self.hook("participant_joined", member)

    def leave(self, member: str) -> None:
        pair = LIVEKIT_ROOM, digest(self.homeserver.user, "DEV", member)
        self.replica.sfu.participants.pop(pair, None)
        self.hook("participant_left", member)

    def close(self) -> None:
        self._http.close()

    def _post(self, path: str, body: bytes, headers: dict[str, str]) -> int:
        self._http.request("POST", f"/livekit/jwt{path}", body, headers)
        answer = self._http.getresponse()
        answer.read()
        return answer.status


def kill(process: psutil.Process) -> None:
    os.kill(process.pid, signal.SIGKILL)
    process.wait(60)


def wait_for_restarts(events: list[Delayed], after: float) -> None:
    """Wait until each event was restarted after a time, or has fired."""
    wait_for(
        lambda: all(event.has_fired or event.restarts[-1:] > [after] for event in events), "a restart of each"
    )
