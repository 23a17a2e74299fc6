"""`issuer serve`: the server."""

import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click
from flask import Flask

import issuer.keys as ring
from issuer.cli import Shell
from issuer.observability import logs
from issuer.observability.health import HEALTHZ, READYZ
from issuer.serving import ServeOptions
from issuer.serving import serve as run_server

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

    from issuer.wiring.configuration import Configuration

_log = logging.getLogger(__name__)


def options_of(configuration: "Configuration") -> ServeOptions:
    """Return how the configuration wants to be served."""
    server = configuration.settings.server
    return ServeOptions(
        bind=server.bind,
        workers=server.worker_count,
        threads=server.threads,
        tls_certificate=server.tls_certificate,
        tls_key=server.tls_key,
        trusted_proxies=server.trusted_proxies,
        connections_per_address=server.connections_per_address,
        metrics_bind=server.metrics_bind,
        apart=(HEALTHZ, READYZ),
    )


def load_app(configuration: "Configuration") -> Flask:
    """Build the application in a worker process, and start its background work."""
    from issuer.app import World, create_app, parts  # noqa: PLC0415 - in the worker only
    from issuer.observability.metrics import NoMetrics, PrometheusMetrics  # noqa: PLC0415

    logs.configure(configuration.settings.log)
    metrics = PrometheusMetrics() if configuration.settings.server.metrics_bind else NoMetrics()
    app = create_app(configuration, World(metrics=metrics))
    parts(app).start()
    return app


def stop_app(app: "WSGIApplication") -> None:
    """End the background work of a worker that stops."""
    from issuer.app import parts  # noqa: PLC0415 - in the worker only

    if isinstance(app, Flask):
        parts(app).stop()


def make_missing_keys(shell: Shell) -> None:
    """Make the first key of each use that an instance needs and that has none (`keys.generate`)."""
    instances = [one for one in shell.configuration.modules if one.settings.enabled]
    wanted = {use for one in instances for use in one.plugin.wanted_keys(one.settings)}
    directory = shell.key_directory()
    for use in sorted(wanted - _uses(directory)):
        try:
            made = ring.generate(
                directory, use=use, kind="rsa-2048", clock=shell.clock, retention=shell.key_retention()
            )
        except (ring.KeyRingError, OSError) as error:
            if use in _uses(directory):  # another machine was faster
                continue
            raise click.ClickException(f"no key could be made in {directory}: {error}") from None
        _log.warning("key %s made (use %s): keep %s, tokens are signed with it", made[0].kid, use, directory)


def _uses(directory: Path) -> set[str]:
    return {key.use for key in ring.list_keys(directory)}


def prepare(shell: Shell) -> None:
    """Migrate the store, and find contradictions and what is dangerous once, before any worker starts."""
    from issuer.app import parts  # noqa: PLC0415

    house = parts(shell.app)
    house.store.close()
    for warning in house.warnings():
        _log.warning("%s", warning)


def run(shell: Shell) -> int:
    """Serve until told to stop; return the exit status."""
    configuration = shell.configuration
    logs.configure(configuration.settings.log)
    for warning in configuration.warnings:
        _log.warning("%s", warning)
    if configuration.settings.keys.generate:
        make_missing_keys(shell)
    prepare(shell)
    return run_server(lambda: load_app(configuration), options_of(configuration), on_stop=stop_app)


@click.command()
@click.pass_obj
def serve(shell: Shell) -> None:
    """Serve the gateway until it is told to stop (SIGTERM or SIGINT)."""
    sys.exit(run(shell))
