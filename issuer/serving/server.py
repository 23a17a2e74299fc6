"""`serve`: sockets, worker processes, exporter; from start to stop."""

import contextlib
import logging
import socket
import ssl
from collections.abc import Callable
from typing import TYPE_CHECKING

from issuer.serving.listen import close_all, open_listeners
from issuer.serving.metrics import Exporter, counters
from issuer.serving.options import ServeOptions, StartError
from issuer.serving.supervisor import Role, Supervisor
from issuer.serving.worker import Worker
from issuer.world import Clock, SystemClock

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

_log = logging.getLogger(__name__)


def serve(
    load_app: Callable[[], "WSGIApplication"],
    options: ServeOptions,
    *,
    on_ready: Callable[[], None] = lambda: None,
    on_stop: Callable[["WSGIApplication"], None] = lambda _app: None,
    clock: Clock | None = None,
) -> int:
    """Serve until SIGTERM or SIGINT; return the exit status.

    To be called in the main thread of a process that has no other threads, for it forks.

    Args:
        load_app: called in each worker process; opens what an application needs.
        options: how to listen, and the limits.
        on_ready: called in this process when every worker is ready for the first time.
        on_stop: called in each worker that stops in an orderly way, with its application.
        clock: the clock of this machine by default.
    """
    try:
        with contextlib.ExitStack() as stack:
            _check_tls(options)
            listeners = _listen(stack, options.bind, options.workers)
            roles = [
                Role(f"worker-{number + 1}", Worker(number, listeners, load_app, on_stop, options))
                for number in range(options.workers)
            ]
            if options.metrics_bind:
                exporter_listeners = _listen(stack, options.metrics_bind, 1)
                roles = _with_exporter(stack, roles, exporter_listeners[0])
                listeners = [*listeners, *exporter_listeners]
            seconds = options.stop_seconds, options.answer_seconds
            supervisor = Supervisor(roles, clock or SystemClock(), *seconds)
            supervisor.run(lambda: _ready(options, on_ready), lambda: close_all(listeners))
    except StartError as error:
        _log.error("cannot start: %s", error)
        return 1
    _log.info("stopped")
    return 0


def _listen(stack: contextlib.ExitStack, bind: str, count: int) -> list[socket.socket]:
    listeners = open_listeners(bind, count)
    stack.callback(close_all, listeners)
    return listeners


def _with_exporter(stack: contextlib.ExitStack, workers: list[Role], listener: socket.socket) -> list[Role]:
    exporter = Exporter(listener, stack.enter_context(counters()))
    counted = [Role(role.name, role.run, exporter.forget) for role in workers]
    return [*counted, Role("metrics", exporter)]


def _ready(options: ServeOptions, on_ready: Callable[[], None]) -> None:
    scheme = "https" if options.tls_certificate else "http"
    _log.info("listening on %s://%s with %d workers", scheme, options.bind, options.workers)
    if options.metrics_bind:
        _log.info("metrics on http://%s/metrics", options.metrics_bind)
    on_ready()


def _check_tls(options: ServeOptions) -> None:
    if not options.tls_certificate or not options.tls_key:
        return
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(options.tls_certificate, options.tls_key)
    except OSError as error:
        files = f"{options.tls_certificate} and {options.tls_key}"
        raise StartError(f"{files} are no usable certificate and key: {error}") from None
