"""What `serve` can be told."""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path


@dataclass(frozen=True, slots=True)
class ServeOptions:
    """How to listen, with how many processes and threads, and what a request may cost."""

    bind: str
    """`host:port`; an empty host means every address of this machine."""
    workers: int
    """Worker processes."""
    threads: int
    """Request threads of each worker."""
    tls_certificate: Path | None = None
    """PEM file with the certificate chain; given together with `tls_key`."""
    tls_key: Path | None = None
    """PEM file with the certificate's private key."""
    trusted_proxies: Sequence[IPv4Network | IPv6Network] = ()
    """Networks whose connections are not counted."""
    connections_per_address: int = 256
    """Connections that one address, or one /64 network of IPv6, may have to each worker."""
    metrics_bind: str | None = None
    """`host:port` for the Prometheus exporter; None for no exporter."""
    body_limit: int = 65536
    """Bytes that a request body may have; more is answered with 413."""
    body_seconds: float = 5.0
    """Seconds in which a request body must have arrived; later is answered with 408."""
    waiting: int = 1024
    """Requests that may wait, in each worker, for a thread or for what their answers need; more are answered
    with 503."""
    apart: tuple[str, ...] = ()
    """Paths that never wait behind others: each has a thread of its own. Bodies of such requests are not
    read."""
    stop_seconds: float = 10.0
    """Seconds that requests in flight get to finish when the server stops."""
    answer_seconds: float = 20.0
    """Seconds without an answer to the parent after which a process is killed and replaced."""


class StartError(Exception):
    """The server cannot start; the message says why, for the operator."""
