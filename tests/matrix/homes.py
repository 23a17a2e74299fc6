"""Homeservers for tests: names, addresses, records and what answers there."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from issuer.matrix import Homeservers
from issuer.upstream import Upstream
from tests.fakes import FakeClock
from tests.upstream.names import Addresses, NameServer
from tests.upstream.stub import Reply, Seen, Stub

TOKEN = "opaque/token+1&x=é"[:-1]
USERINFO = "/_matrix/federation/v1/openid/userinfo"
SERVER = "/.well-known/matrix/server"
CLIENT = "/.well-known/matrix/client"


def json_reply(value: Any, status: int = 200, **headers: str) -> Reply:
    return Reply(status, json.dumps(value).encode(), {k.replace("_", "-"): v for k, v in headers.items()})


@dataclass
class Home:
    """What a homeserver answers; anything else is a 404."""

    user: str = "@alice:example.org"
    pages: dict[str, Reply] = field(default_factory=dict)

    def __call__(self, seen: Seen) -> Reply:
        path = seen.path.partition("?")[0]
        if path in self.pages:
            return self.pages[path]
        if path == USERINFO:
            return json_reply({"sub": self.user})
        return json_reply({"errcode": "M_UNRECOGNIZED"}, 404)


@dataclass
class World:
    """Everything that a test of homeservers needs."""

    upstream: Upstream
    addresses: Addresses
    name_server: NameServer
    clock: FakeClock = field(default_factory=FakeClock)

    def homeservers(
        self, listed: Iterable[str] = (), overrides: dict[str, str] | None = None, **options: Any
    ) -> Homeservers:
        resolver = self.name_server.resolver()
        return Homeservers(
            self.upstream,
            self.clock,
            listed=listed,
            overrides=overrides or {},
            name_servers=resolver,
            **options,
        )

    def at(self, name: str, stub: Stub, *ports: int) -> None:
        """Let a name lead to a server, by some of its ports; by the others, nobody listens."""
        closed = dict.fromkeys({443, 8448} - set(ports), 1)
        self.addresses.add(name, "127.0.0.1", ports={**dict.fromkeys(ports, stub.port), **closed})
