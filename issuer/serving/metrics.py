"""The Prometheus exporter: a process of its own that sums the counters of all workers.

Workers count with prometheus_client, which writes to one file for each process in the directory that
`PROMETHEUS_MULTIPROC_DIR` names. `serve` sets it before anything imports prometheus_client.
"""

import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from issuer.serving.children import Parent

DIRECTORY = "PROMETHEUS_MULTIPROC_DIR"


@contextmanager
def counters() -> Iterator[Path]:
    """Give workers a directory to count in, for as long as the server runs."""
    directory = Path(tempfile.mkdtemp(prefix="issuer-metrics-"))
    os.environ[DIRECTORY] = str(directory)
    try:
        yield directory
    finally:
        del os.environ[DIRECTORY]
        shutil.rmtree(directory, ignore_errors=True)


class Exporter:
    """What the exporter's process does."""

    def __init__(self, listener: socket.socket, directory: Path) -> None:
        """Prepare to answer on `listener` with the sums of what is in `directory`."""
        self._listener = listener
        self._directory = directory

    def __call__(self, parent: Parent) -> None:
        """Answer until the process is ended."""
        from prometheus_client import CollectorRegistry, make_wsgi_app  # noqa: PLC0415 - only when metrics are on
        from prometheus_client.multiprocess import MultiProcessCollector  # noqa: PLC0415

        registry = CollectorRegistry()
        MultiProcessCollector(registry, path=str(self._directory))  # type: ignore[no-untyped-call]
        server = _ExporterServer(parent)
        server.socket = self._listener
        server.server_name, server.server_port = self._listener.getsockname()[:2]
        server.setup_environ()
        server.set_app(make_wsgi_app(registry))
        parent.ready()
        server.serve_forever()

    def forget(self, process: int) -> None:
        """Remove what only a living process has to say; the counters of a dead one still count."""
        from prometheus_client.multiprocess import mark_process_dead  # noqa: PLC0415

        mark_process_dead(process, str(self._directory))  # type: ignore[no-untyped-call]


class _ExporterServer(WSGIServer):
    def __init__(self, parent: Parent) -> None:
        super().__init__(("", 0), _QuietHandler, bind_and_activate=False)
        self._parent = parent

    def service_actions(self) -> None:
        """Answer the parent, twice a second, between two requests."""
        self._parent.answer()


class _QuietHandler(WSGIRequestHandler):
    timeout = 5

    def log_message(self, *_: Any) -> None:
        """Log nothing."""
