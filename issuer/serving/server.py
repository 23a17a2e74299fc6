"""`serve`: sockets, worker processes, exporter; from start to stop."""

import contextlib
import logging
import socket
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from issuer.serving.children import Parent
from issuer.serving.connections.inner import inner_listeners
from issuer.serving.connections.tls import TlsFront, tls_context
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
            listeners: list[socket.socket] = []
            roles = _roles(stack, listeners, options, load_app, on_stop)
            seconds = options.stop_seconds, options.answer_seconds
            supervisor = Supervisor(roles, clock or SystemClock(), *seconds)
            supervisor.run(lambda: _ready(options, on_ready), lambda: close_all(listeners))
    except StartError as error:
        _log.error("cannot start: %s", error)
        return 1
    _log.info("stopped")
    return 0


def _roles(
    stack: contextlib.ExitStack,
    listeners: list[socket.socket],
    options: ServeOptions,
    load_app: Callable[[], "WSGIApplication"],
    on_stop: Callable[["WSGIApplication"], None],
) -> list[Role]:
    """Open `listeners`, and return who does what with them."""

    def role(name: str, run: Callable[[Parent], None], listener: socket.socket) -> Role:
        return Role(name, _keeping(listener, listeners, run))

    doors = _listen(stack, listeners, options.bind, options.workers)
    roles: list[Role] = []
    if options.tls_certificate and options.tls_key:
        context, inner = tls_context(options), stack.enter_context(inner_listeners(options.workers))
        listeners += inner
        for number, (door, behind) in enumerate(zip(doors, inner, strict=True), 1):
            front = TlsFront(door, behind.getsockname(), context, options)
            roles.append(role(f"tls-{number}", front, door))
        doors = inner
    for number, door in enumerate(doors, 1):
        roles.append(role(f"worker-{number}", Worker(number, door, load_app, on_stop, options), door))
    if options.metrics_bind:
        (door,) = _listen(stack, listeners, options.metrics_bind, 1)
        exporter = Exporter(door, stack.enter_context(counters()))
        roles = [replace(one, buried=exporter.forget) for one in roles]
        roles.append(role("metrics", exporter, door))
    return roles


def _listen(
    stack: contextlib.ExitStack, listeners: list[socket.socket], bind: str, count: int
) -> list[socket.socket]:
    opened = open_listeners(bind, count)
    stack.callback(close_all, opened)
    listeners += opened
    return opened


def _keeping(
    kept: socket.socket, listeners: list[socket.socket], run: Callable[[Parent], None]
) -> Callable[[Parent], None]:
    """Return what runs in a process that has one of the listeners alone."""

    def keep_and_run(parent: Parent) -> None:
        close_all([listener for listener in listeners if listener is not kept])
        run(parent)

    return keep_and_run


def _ready(options: ServeOptions, on_ready: Callable[[], None]) -> None:
    scheme = "https" if options.tls_certificate else "http"
    _log.info("listening on %s://%s with %d workers", scheme, options.bind, options.workers)
    if options.metrics_bind:
        _log.info("metrics on http://%s/metrics", options.metrics_bind)
    on_ready()
