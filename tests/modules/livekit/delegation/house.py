"""A worker in this process, with the clock of this machine, between a stub homeserver and a stub SFU."""

import itertools
from pathlib import Path
from typing import Any

from werkzeug.test import TestResponse

from issuer.app import World, create_app, parts
from issuer.observability.metrics import Metrics, NoMetrics
from issuer.settings.base import Context
from issuer.wiring.configuration import parse
from issuer.world import Clock, SystemClock
from modules.livekit.delegation.jobs.job import Job
from modules.livekit.module import LiveKitModule
from modules.livekit.names import digest, room_name
from tests.modules.livekit.calls import ROOM, SLOT, options, upstream_options
from tests.modules.livekit.delegation.homeserver import Delayed, DelayingHomeserver
from tests.modules.livekit.sfu import Sfu, signed, webhook
from tests.service import wait_for
from tests.upstream.authority import Authority

LIVEKIT_ROOM = room_name(ROOM, SLOT)


class Worker:
    """One process of ours, as far as jobs go; several can share a store."""

    def __init__(
        self,
        store_url: str,
        homeserver: DelayingHomeserver,
        sfu: Sfu,
        authority: Authority,
        metrics: Metrics | None = None,
        clock: Clock | None = None,
        **changes: Any,
    ) -> None:
        self.homeserver = homeserver
        self.sfu = sfu
        overrides = {} if changes.pop("discover", False) else {homeserver.name: f"https://{homeserver.name}"}
        data = {
            "public_url": "https://auth.example.com/",
            "store": {"url": store_url},
            "modules": {"livekit": options(homeserver, sfu, cs_api_urls=overrides, **changes)},
            "upstream": upstream_options(authority),
        }
        world = World(metrics=metrics or NoMetrics(), clock=clock or SystemClock())
        self.app = create_app(parse(data, Context({}, Path("/nowhere"))), world)
        self.parts = parts(self.app)
        self.parts.store.migrate()
        self.numbers = itertools.count(1)

    def start(self) -> "Worker":
        self.parts.start()
        return self

    def stop(self) -> None:
        self.parts.stop()

    @property
    def module(self) -> LiveKitModule:
        module = self.parts.modules["livekit"]
        assert isinstance(module, LiveKitModule)
        return module

    @property
    def jobs(self) -> list[Job]:
        return self.module.delegation.jobs.all()

    def phases(self) -> list[str]:
        return [job.state.phase.value for job in self.jobs]

    def body(self, member: str, delay_id: str | None, delay: float = 8.0) -> dict[str, Any]:
        token = {"access_token": "alice-token", "matrix_server_name": self.homeserver.name}
        body: dict[str, Any] = {
            "room_id": ROOM,
            "slot_id": SLOT,
            "openid_token": token,
            "member": {
                "id": member,
                "claimed_user_id": self.homeserver.user,
                "claimed_device_id": "DEV",
            },
        }
        more = {} if delay_id is None else {"delay_id": delay_id, "delay_timeout": round(delay * 1000)}
        return {**body, **more}

    def post(self, path: str, body: Any) -> TestResponse:
        return self.app.test_client().post(f"/livekit/jwt{path}", json=body)

    def identity(self, member: str) -> str:
        return digest(self.homeserver.user, "DEV", member)

    def delegate(self, member: str = "xyz", delay: float = 8.0, delay_id: str | None = None) -> Delayed:
        """A client schedules its event and hands it over."""
        delay_id = delay_id or f"syd_{member}_{next(self.numbers)}"
        event = self.homeserver.schedule(delay_id, delay)
        answer = self.post("/delegate_delayed_leave", self.body(member, delay_id, delay))
        assert (answer.status_code, answer.json) == (200, {}), answer.text
        return event

    def hook(self, event: str, member: str = "xyz", sid: str = "PA_1", **more: Any) -> TestResponse:
        """The SFU sends a webhook."""
        body = webhook(event, LIVEKIT_ROOM, self.identity(member), sid, **more)
        return self.send_hook(body, signed(body))

    def send_hook(self, body: bytes, token: str | None) -> TestResponse:
        headers = {"Content-Type": "application/webhook+json"}
        if token is not None:
            headers["Authorization"] = token
        return self.app.test_client().post("/livekit/jwt/sfu_webhook", data=body, headers=headers)

    def join(self, member: str = "xyz", sid: str = "PA_1") -> None:
        self.sfu.participants[LIVEKIT_ROOM, self.identity(member)] = sid
        assert self.hook("participant_joined", member, sid).status_code == 200

    def leave(self, member: str = "xyz", sid: str = "PA_1") -> None:
        self.sfu.participants.pop((LIVEKIT_ROOM, self.identity(member)), None)
        assert self.hook("participant_left", member, sid).status_code == 200


def wait_for_restart(event: Delayed, count: int = 1) -> None:
    wait_for(lambda: len(event.restarts) >= count, f"restart {count}")
