"""The demo as an issuer module: it runs the meeting page beside the portal."""

import threading
from collections.abc import Callable
from typing import Any

from flask import Blueprint, Flask
from pydantic import Field
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from issuer.module import ConfigurationError, Gateway, Module, ModuleSettings
from issuer.settings.types import Bind, bind_parts, is_loopback
from modules.demo.call import CallPage
from modules.demo.meeting import Meeting


class DemoSettings(ModuleSettings):
    """The demo; for loopback only."""

    meeting_bind: Bind = "127.0.0.1:8081"
    """Where the meeting page that stands in for Jitsi listens, on loopback."""
    app_id: str = "demo"
    """The application id that the meeting page expects in tokens."""
    algorithm: str = Field(default="RS256")
    """The algorithm that the meeting page expects."""
    token_path: str = "/jitsi"  # noqa: S105 - a path, not a token
    """Where the instance lives that the meeting page sends people to."""
    call_bind: Bind | None = None
    """Where the call page that uses LiveKit tokens listens, on loopback; off when absent."""
    call_token_path: str = "/livekit/token"  # noqa: S105 - a path, not a token
    """Where the call page asks for tokens."""
    sfu_url: str = "ws://127.0.0.1:7880"
    """The LiveKit server that the call page may connect to."""


class _QuietHandler(WSGIRequestHandler):
    def log(self, *_: Any, **__: Any) -> None:
        """Log nothing: the address of a request holds the token."""


class DemoModule(Module):
    """Runs the meeting page, and the call page."""

    name = "demo"
    title = "Demo"
    in_sample = False
    Settings = DemoSettings
    settings: DemoSettings

    def __init__(self, settings: DemoSettings, gateway: Gateway) -> None:
        """Refuse to be part of a real service.

        Raises:
            ConfigurationError: `portal.demo` is off, there are several workers, or others than this machine
                could reach a page.
        """
        super().__init__(settings, gateway)
        if not gateway.settings.portal.demo:
            raise ConfigurationError("", "is for demos only: remove it, or set portal.demo = true")
        if gateway.settings.server.worker_count != 1:
            raise ConfigurationError("", "needs server.workers = 1: the meeting page has one port")
        for option in ("meeting_bind", "call_bind"):
            if (bind := getattr(settings, option)) and not is_loopback(bind):
                raise ConfigurationError(
                    option, f'"{bind}" is no address of loopback: write "127.0.0.1:8081"'
                )
        self._servers: list[BaseWSGIServer] = []

    def blueprint(self) -> Blueprint:
        """Return no routes: the pages are on ports of their own."""
        return Blueprint("demo", __name__)

    def start(self) -> None:
        """Serve the pages from threads."""
        options, public_url = self.settings, self.gateway.settings.public_url
        meeting = Meeting(options.app_id, options.algorithm, self._issuer(), self.gateway.clock)
        self._serve(options.meeting_bind, meeting.app)
        if options.call_bind:
            call = CallPage(public_url, options.call_token_path, options.sfu_url)
            self._serve(options.call_bind, call.app)

    def _serve(self, bind: str, app: Callable[[str], Flask]) -> None:
        host, port = bind_parts(bind)
        page = app(self.gateway.settings.portal.name)
        server = make_server(host, port, page, threaded=True, request_handler=_QuietHandler)
        self._servers.append(server)
        threading.Thread(target=server.serve_forever, name=f"demo page at {bind}", daemon=True).start()

    def stop(self) -> None:
        """Stop the pages."""
        while self._servers:
            server = self._servers.pop()
            server.shutdown()
            server.server_close()

    def _issuer(self) -> tuple[str, str]:
        public = self.gateway.settings.public_url
        return public, public.rstrip("/") + self.settings.token_path
