"""A database that is ended at once, again and again, under clients and calls."""

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import requests

from tests.faults.house import House
from tests.faults.proxy import Fault, Proxy
from tests.modules.livekit.delegation.homeserver import DelayingHomeserver
from tests.modules.livekit.sfu import Sfu
from tests.postgresql import PostgreSQL, running_server
from tests.service import PATIENCE, wait_for
from tests.upstream.authority import Authority

pytestmark = pytest.mark.real

RESTARTS, CLIENTS, JOBS = 10, 6, 20
BETWEEN = 5
"""Refreshes of each client between two restarts."""


class RefreshingClient(threading.Thread):
    """Refreshes without a pause; asks again, with the same token, while it gets no answer or one of 5xx."""

    def __init__(self, house: House, token: str) -> None:
        super().__init__(daemon=True)
        self._house = house
        self._token = token
        self.refreshes = 0
        self.unanswered = 0
        self.refusal: str | None = None
        self.end = threading.Event()

    def run(self) -> None:
        while not self.end.is_set() and not self.refusal:
            try:
                answer = self._house.refresh(self._token)
            except requests.RequestException:
                answer = None
            if answer is not None and answer.status_code == 200:
                self._token = answer.json()["refresh_token"]
                self.refreshes += 1
            elif answer is None or answer.status_code >= 500:
                self.unanswered += 1
                time.sleep(0.05)
            else:
                self.refusal = answer.text


@pytest.fixture
def server(programs: None) -> Iterator[PostgreSQL]:
    """A server that has written what it calls committed."""
    with running_server(synchronous_commit="on") as server:
        yield server


@pytest.fixture
def own_proxy(server: PostgreSQL) -> Iterator[Proxy]:
    with closing(Proxy(server.directory)) as proxy:
        yield proxy


@pytest.fixture
def own_house(
    tmp_path: Path, own_proxy: Proxy, servers: tuple[DelayingHomeserver, Sfu, Authority]
) -> Iterator[House]:
    house = House(tmp_path, own_proxy.url("postgres"), servers, workers=2)
    house.shell.parts.store.migrate()
    house.start()
    yield house
    house.stop()
    house.shell.parts.store.close()


def test_restarts_lose_no_family_and_make_nobody_leave(
    own_house: House, own_proxy: Proxy, server: PostgreSQL
) -> None:
    """10 immediate restarts of PostgreSQL under six well-behaved refreshing clients and 20 delegated jobs: no
    family lost, nobody made to leave.

    Each comes when a refresh was committed, and before its answer.
    """
    house = own_house
    house.add_users("dwho")
    events = []
    for number in range(JOBS):
        events.append(house.homeserver.schedule(f"syd_{number}", 8.0))
        assert house.delegate(str(number)).status_code == 200
        assert house.hook("participant_joined", str(number))().status_code == 200
    clients = [RefreshingClient(house, family(house)) for _ in range(CLIENTS)]
    for client in clients:
        client.start()
    for _ in range(RESTARTS):
        goal = [client.refreshes + BETWEEN for client in clients]
        wait_for(
            lambda goal=goal: all(  # type: ignore[misc]
                client.refusal or client.refreshes >= least
                for client, least in zip(clients, goal, strict=True)
            ),
            "refreshes",
        )
        trap = own_proxy.trap("UPDATE oidc_refresh_tokens", Fault.LOST, lambda: server.stop(signal.SIGQUIT))
        assert trap.struck.wait(PATIENCE)
        server.start()
    restarts = [len(event.restarts) for event in events]
    wait_for(
        lambda: all(
            event.has_fired or len(event.restarts) > before
            for event, before in zip(events, restarts, strict=True)
        ),
        "a restart of each event",
    )
    for client in clients:
        client.end.set()
        client.join(PATIENCE)
    assert [client.refusal for client in clients] == [None] * CLIENTS
    assert all(client.refreshes >= RESTARTS * BETWEEN for client in clients)
    assert sum(client.unanswered for client in clients) > 0
    assert "reused" not in house.log.read_text()
    assert not any(event.has_fired or event.sent_at for event in events)


def family(house: House) -> str:
    """Return the first refresh token of a sign-in."""
    code = house.code(house.sign_in("dwho"))
    token: str = house.exchange(code).json()["refresh_token"]
    return token
