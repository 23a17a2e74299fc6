"""A homeserver that hangs, in the whole product."""

import json
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.modules.livekit.calls import Homeserver
from tests.modules.livekit.sfu import KEY, SECRET, Sfu
from tests.service import Service, client
from tests.upstream.authority import Authority
from tests.upstream.fixtures import BuildStub
from tests.upstream.stub import Reply

CLIENTS = 1000
LOCAL_CLIENTS = 4
ROUNDS = 3
HELD = 6.0
"""Seconds for which a request is in the tarpit; ten, unless the configuration says otherwise."""
CONFIGURATION = """\
public_url = "http://127.0.0.1:{{port}}/"

[server]
bind = "127.0.0.1:{{port}}"
workers = 2
connections_per_address = 2000

[log]
level = "warning"

[upstream]
ca_file = "{authority}"
allow_private_networks = true
total_timeout = "{held}s"

[modules.livekit]
url = "{sfu}"
api_key = "{key}"
api_secret = "{secret}"
full_access_homeservers = ["{homeserver}"]
"""


@pytest.fixture
def service(
    tmp_path: Path, authority: Authority, homeserver: Homeserver, sfu: Sfu, programs: None
) -> Iterator[Service]:
    configuration = CONFIGURATION.format(
        authority=authority.path, held=HELD, sfu=sfu.url, key=KEY, secret=SECRET, homeserver=homeserver.name
    )
    running = Service(tmp_path, configuration)
    running.start()
    yield running
    running.stop()


def body(server_name: str, user: str) -> str:
    token = {"access_token": "alice-token", "token_type": "Bearer", "matrix_server_name": server_name}
    member = {"id": "xyz", "claimed_user_id": user, "claimed_device_id": "DEV"}
    return json.dumps({"room_id": "!r:hs", "slot_id": "m.call#ROOM", "openid_token": token, "member": member})


class Local:
    """People of the local homeserver, who join all the time."""

    def __init__(self, url: str, sent: str) -> None:
        self._url = url
        self._sent = sent
        self.refused: list[int] = []

    def latencies(self, ended: Callable[[], bool]) -> list[float]:
        """Return how long each request took, until it has ended."""
        with ThreadPoolExecutor(LOCAL_CLIENTS) as pool:
            shares = pool.map(self._one_client, [ended] * LOCAL_CLIENTS)
            return [seconds for share in shares for seconds in share]

    def _one_client(self, ended: Callable[[], bool]) -> list[float]:
        session, latencies = client(), []
        while not ended():
            began = time.perf_counter()
            answer = session.post(self._url, data=self._sent, timeout=60)
            latencies.append(time.perf_counter() - began)
            if answer.status_code != 200:
                self.refused.append(answer.status_code)
        return latencies


class Flood:
    """Clients that name the tarpit, all at the same time."""

    def __init__(self, url: str, sent: str) -> None:
        command = [sys.executable, "-m", "tests.modules.livekit.flood", url, sent, str(CLIENTS)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout
        assert self.process.stdout.readline() == "ready\n"

    def send(self) -> None:
        assert self.process.stdin
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def has_ended(self) -> bool:
        return self.process.poll() is not None

    def statuses(self) -> dict[str, int]:
        out, _ = self.process.communicate()
        found: dict[str, int] = json.loads(out)
        return found


def p99(latencies: list[float]) -> float:
    return statistics.quantiles(latencies, n=100)[98]


def seconds(count: float) -> Callable[[], bool]:
    end = time.monotonic() + count
    return lambda: time.monotonic() > end


def test_tarpit(service: Service, homeserver: Homeserver, build_stub: BuildStub) -> None:
    """Tarpit: 1,000 concurrent requests naming a homeserver that accepts and never answers; meanwhile
    the local homeserver's requests keep a p99 of at most 2 times their p99 without the tarpit, and none
    is refused.
    """
    never = threading.Event()
    tarpit = build_stub(lambda _: Reply(waits_for=never), names=("localhost",))
    url = f"{service.url}/livekit/jwt/get_token"
    local = Local(url, body(homeserver.name, homeserver.user))
    local.latencies(seconds(1))
    ratios = []
    for _ in range(ROUNDS):
        flood = Flood(url, body(f"localhost:{tarpit.port}", "@x:y"))
        without = p99(local.latencies(seconds(HELD)))
        flood.send()
        beside = p99(local.latencies(flood.has_ended))
        ratios.append(beside / without)
        statuses = flood.statuses()
        assert statuses.keys() == {"401", "429"}, statuses
        assert sum(statuses.values()) == CLIENTS
    assert local.refused == []
    assert tarpit.seen, "nobody was in the tarpit"
    assert statistics.median(ratios) <= 2, ratios
