"""Counters for Prometheus. No label ever names a person or a room.

They cost nothing while `server.metrics_bind` is off: then prometheus_client is not even imported.
"""

from typing import Protocol


class Metrics(Protocol):
    """What the gateway counts."""

    def issuance(self, instance: str, outcome: str) -> None:
        """Count one issuance of an instance: `issued` or `refused`."""
        ...

    def sign_in(self, outcome: str) -> None:
        """Count one sign-in: `ok`, `failed` or `paused`."""
        ...


class NoMetrics:
    """Counts nothing."""

    def issuance(self, instance: str, outcome: str) -> None:
        """Do nothing."""

    def sign_in(self, outcome: str) -> None:
        """Do nothing."""


class PrometheusMetrics:
    """Counts with prometheus_client; the processes of one server are summed by its exporter."""

    def __init__(self) -> None:
        """Declare the counters in a registry of their own."""
        from prometheus_client import CollectorRegistry, Counter  # noqa: PLC0415 - only when metrics are on

        self.registry = CollectorRegistry()
        self._issuances = Counter(
            "issuer_issuances", "Tokens issued and refused", ["instance", "outcome"], registry=self.registry
        )
        self._sign_ins = Counter("issuer_sign_ins", "Sign-ins", ["outcome"], registry=self.registry)

    def issuance(self, instance: str, outcome: str) -> None:
        """Count one issuance of an instance: `issued` or `refused`."""
        self._issuances.labels(instance, outcome).inc()

    def sign_in(self, outcome: str) -> None:
        """Count one sign-in: `ok`, `failed` or `paused`."""
        self._sign_ins.labels(outcome).inc()
