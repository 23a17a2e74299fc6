"""The product between a real SFU and a real homeserver, and people who make calls."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from modules.livekit.names import digest
from tests.livekit import LiveKit, Participant
from tests.modules.livekit.sfu import KEY, SECRET
from tests.service import Service, client, wait_for
from tests.synapse import AS_TOKEN, Synapse, User
from tests.upstream.authority import Authority
from tests.upstream.stub import Reply, Seen, Stub

MEMBER = "org.matrix.msc3401.call.member"
SLOT = "m.call#ROOM"
DELAY = 8000
CONFIGURATION = """\
public_url = "http://127.0.0.1:{{port}}/"

[server]
bind = "127.0.0.1:{{port}}"
workers = 2

[upstream]
ca_file = "{authority}"
allow_private_networks = true

[modules.livekit]
url = "{sfu}"
api_key = "{key}"
api_secret = "{secret}"
full_access_homeservers = ["{homeserver}"]
can_update_own_metadata = true
cs_api_urls = {{{{ "{homeserver}" = "https://{homeserver}" }}}}

[[modules.livekit.homeservers]]
name = "{homeserver}"
as_token = "{token}"
"""


class House:
    """All of it. What the SFU tells is heard here too."""

    def __init__(self, directory: Path, synapse: Synapse, authority: Authority) -> None:
        self.told: list[tuple[float, str, str]] = []
        """When, what, and of whom."""
        self.participants: list[Participant] = []
        self._ear = Stub(self._hear)
        self.sfu = LiveKit(directory)
        values = {
            "authority": authority.path,
            "sfu": self.sfu.url,
            "key": KEY,
            "secret": SECRET,
            "homeserver": synapse.name,
            "token": AS_TOKEN,
        }
        self.service = Service(directory, CONFIGURATION.format(**values))
        hook = f"{self.service.url}/livekit/jwt/sfu_webhook"
        self.sfu.tell(hook, f"http://127.0.0.1:{self._ear.port}/")

    def start(self) -> None:
        self.sfu.start()
        self.service.start()

    def stop(self) -> None:
        for participant in self.participants:
            participant.process.kill()
            participant.process.communicate(timeout=60)
        self.service.stop()
        self.sfu.kill()
        self._ear.close()

    @property
    def heard(self) -> list[Seen]:
        """Return what the SFU told."""
        return self._ear.seen

    def left_at(self, identity: str) -> float:
        """Return when the SFU told that somebody left, 0 before that."""
        found = [at for at, event, who in self.told if (event, who) == ("participant_left", identity)]
        return found[-1] if found else 0.0

    def _hear(self, seen: Seen) -> Reply:
        told = json.loads(seen.body)
        self.told.append((time.time(), told["event"], told.get("participant", {}).get("identity", "")))
        return Reply()


class Caller:
    """Somebody's device in a call, one after the other."""

    def __init__(self, house: House, user: User, room: str, device: str) -> None:
        self.house = house
        self.user = user
        self.room = room
        self.device = device
        self.key = f"_{user.user_id}_{device}"
        self.delay_id = ""

    @property
    def identity(self) -> str:
        return digest(self.user.user_id, self.device, self.device)

    def schedule(self) -> dict[str, Any]:
        """Become a member, whose leave is scheduled: what goes to the gateway about it."""
        self.user.set_state(self.room, MEMBER, {"application": "m.call"}, self.key)
        self.delay_id = self.user.schedule_state(self.room, MEMBER, self.key, DELAY)
        return {"delay_id": self.delay_id, "delay_timeout": DELAY}

    def start_client(self, *words: str) -> Participant:
        """Start a client that waits for a token."""
        participant = Participant(*words)
        self.house.participants.append(participant)
        participant.wait_ready()
        return participant

    def enter(
        self, *words: str, delegates: bool = True, participant: Participant | None = None
    ) -> Participant:
        """Get a token and join at the first try, with a client that waits or with a new one."""
        participant = participant or self.start_client(*words)
        member = {
            "id": self.device,
            "claimed_user_id": self.user.user_id,
            "claimed_device_id": self.device,
        }
        body: dict[str, Any] = {
            "room_id": self.room,
            "slot_id": SLOT,
            "openid_token": self.user.openid_token(),
            "member": member,
            **(self.schedule() if delegates else {}),
        }
        answer = client().post(f"{self.house.service.url}/livekit/jwt/get_token", json=body, timeout=30)
        assert answer.status_code == 200, answer.text
        said = participant.join(answer.json())
        assert said == "joined", said
        return participant

    @property
    def is_member(self) -> bool:
        return bool(self.user.state(self.room, MEMBER, self.key))

    @property
    def is_kept(self) -> bool:
        """Whether the leave is still scheduled."""
        return self.delay_id in self.user.delayed_events()


def hold_until(at: float, condition: Callable[[], bool], what: str) -> None:
    """Look, until a time, whether something holds all the while."""

    def is_over() -> bool:
        assert condition(), what
        return time.time() >= at

    wait_for(is_over, what)
