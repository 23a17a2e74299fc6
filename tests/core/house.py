"""The whole house: the portal, Jitsi with both kinds of keys, LiveKit, Matrix, an OpenID Provider, stubs.

And all that it says.
"""

import io
import logging
from pathlib import Path
from typing import Any

from prometheus_client import generate_latest
from werkzeug.test import TestResponse

from issuer.observability.logs import TEXT, JsonLines
from issuer.observability.metrics import PrometheusMetrics
from issuer.testing import LocalGateway, open_gateway
from tests.core.applications import provider_options
from tests.modules.livekit.calls import Call, Homeserver, options, upstream_options
from tests.modules.livekit.sfu import Sfu
from tests.modules.matrix.calls import API_TOKEN, Caller
from tests.modules.matrix.stub import ADMIN_TOKEN, Home
from tests.upstream.authority import Authority

SECRET = "SeCrEtMaRkEr0123456789abcdef0123456789abcdef"
JITSI = {"type": "jitsi", "server_url": "https://meet.example.com", "app_id": "jitsi"}
HMAC = {**JITSI, "app_secret": SECRET}
RING = {**JITSI, "algorithm": "RS256"}


class House:
    """A gateway with everything, and the servers that it calls."""

    def __init__(self, folder: Path, authority: Authority, homeserver: Homeserver, sfu: Sfu) -> None:
        self.folder = folder
        self.metrics = PrometheusMetrics()
        livekit = options(homeserver, sfu)
        provider = provider_options(folder, homeserver.name)
        self.home = Home(authority)
        server = {"url": self.home.url, "access_token": ADMIN_TOKEN}
        matrix = {"api_token": API_TOKEN}
        data = {
            "matrix": {"homeservers": {self.home.name: server}},
            "modules": {"hmac": HMAC, "jitsi": RING, "livekit": livekit, "matrix": matrix, "oidc": provider},
            "upstream": upstream_options(authority),
        }
        self.gateway: LocalGateway = open_gateway(
            folder, data, key_uses=["jitsi", "oidc"], metrics=self.metrics
        )
        self.gateway.add_user("dwho", ("users",), cn="The Doctor")
        self.call = Call(self.gateway, homeserver, sfu)
        self.prosody = Caller(self.gateway)

    def close(self) -> None:
        self.gateway.close()
        self.home.close()

    def counted(self) -> str:
        return generate_latest(self.metrics.registry).decode()

    def stored(self) -> bytes:
        """Return every byte of the database, its write-ahead log too."""
        files = sorted((self.folder / "data").glob("issuer.db*"))
        assert files
        return b"\n".join(file.read_bytes() for file in files)

    def asks(self) -> list[TestResponse]:
        """Ask every module for a token, in every way."""
        client = self.gateway.sign_in("dwho")
        paths = [f"/{name}/login{more}" for name in ("hmac", "jitsi") for more in ("?room=board", "/board")]
        answers = [client.get(path) for path in paths]
        return [*answers, self.call.get_token(), self.call.sfu_get()]


class Told:
    """Everything that is logged, in both formats of the configuration."""

    def __init__(self) -> None:
        self.stream = io.StringIO()
        self.handlers = [logging.StreamHandler(self.stream) for _ in range(2)]
        for handler, formatter in zip(self.handlers, (JsonLines(), logging.Formatter(TEXT)), strict=True):
            handler.setFormatter(formatter)

    def __enter__(self) -> "Told":
        root = logging.getLogger()
        self._level = root.level
        root.setLevel(logging.DEBUG)
        for handler in self.handlers:
            root.addHandler(handler)
        return self

    def __exit__(self, *_: Any) -> None:
        root = logging.getLogger()
        root.setLevel(self._level)
        for handler in self.handlers:
            root.removeHandler(handler)

    @property
    def text(self) -> str:
        return self.stream.getvalue()
