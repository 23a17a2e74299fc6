"""The demo as an issuer module: it runs the meeting page beside the portal."""

import threading
from typing import Any

from flask import Blueprint
from pydantic import Field
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from issuer.module import ConfigurationError, Gateway, Module, ModuleSettings
from issuer.settings.types import Bind, bind_parts
from modules.demo.meeting import Meeting


class DemoSettings(ModuleSettings):
    """The demo; for loopback only."""

    meeting_bind: Bind = "127.0.0.1:8081"
    """Where the meeting page that stands in for Jitsi listens."""
    app_id: str = "demo"
    """The application id that the meeting page expects in tokens."""
    algorithm: str = Field(default="RS256")
    """The algorithm that the meeting page expects."""
    token_path: str = "/jitsi"  # noqa: S105 - a path, not a token
    """Where the instance lives that the meeting page sends people to."""


class _QuietHandler(WSGIRequestHandler):
    def log(self, *_: Any, **__: Any) -> None:
        """Log nothing: the address of a request holds the token."""


class DemoModule(Module):
    """Runs the meeting page."""

    name = "demo"
    title = "Demo"
    in_sample = False
    Settings = DemoSettings
    settings: DemoSettings

    def __init__(self, settings: DemoSettings, gateway: Gateway) -> None:
        """Refuse to be part of a real service.

        Raises:
            ConfigurationError: `portal.demo` is off, or there are several workers.
        """
        super().__init__(settings, gateway)
        if not gateway.settings.portal.demo:
            raise ConfigurationError("", "is for demos only: remove it, or set portal.demo = true")
        if gateway.settings.server.worker_count != 1:
            raise ConfigurationError("", "needs server.workers = 1: the meeting page has one port")
        self._server: BaseWSGIServer | None = None

    def blueprint(self) -> Blueprint:
        """Return no routes: the meeting page is on its own port."""
        return Blueprint("demo", __name__)

    def start(self) -> None:
        """Serve the meeting page from a thread."""
        host, port = bind_parts(self.settings.meeting_bind)
        meeting = Meeting(self.settings.app_id, self.settings.algorithm, self._issuer(), self.gateway.clock)
        app = meeting.app(self.gateway.settings.portal.name)
        self._server = make_server(host, port, app, threaded=True, request_handler=_QuietHandler)
        threading.Thread(target=self._server.serve_forever, name="demo meeting page", daemon=True).start()

    def stop(self) -> None:
        """Stop the meeting page."""
        if self._server:
            self._server.shutdown()
            self._server.server_close()

    def _issuer(self) -> tuple[str, str]:
        public = self.gateway.settings.public_url
        return public, public.rstrip("/") + self.settings.token_path
