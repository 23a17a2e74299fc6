"""Counters for Prometheus. No label ever names a person or a room.

They cost nothing while `server.metrics_bind` is off: then prometheus_client is not even imported.
"""

from collections.abc import Callable, Sequence
from typing import Any, Protocol


class Counter(Protocol):
    """Only grows, summed over all processes that ever were."""

    def count(self, *labels: str) -> None:
        """Count one more, by the values of the labels in their order."""
        ...


class Gauge(Protocol):
    """Goes up and down, summed over the processes that live."""

    def change(self, by: float, *labels: str) -> None:
        """Change it, by the values of the labels in their order."""
        ...


class Level(Protocol):
    """A measure of something that all processes share, as whoever looked last saw it."""

    def set(self, value: float, *labels: str) -> None:
        """Say how much it is, by the values of the labels in their order."""
        ...


class Histogram(Protocol):
    """Counts values by their size."""

    def observe(self, value: float, *labels: str) -> None:
        """Count a value, by the values of the labels in their order."""
        ...


class Metrics(Protocol):
    """What the gateway counts, and what modules declare to count; the same declaration twice is one."""

    def issuance(self, instance: str, outcome: str) -> None:
        """Count one issuance of an instance: `issued` or `refused`."""
        ...

    def sign_in(self, outcome: str) -> None:
        """Count one sign-in: `ok`, `failed` or `paused`."""
        ...

    def counter(self, name: str, text: str, labels: Sequence[str]) -> Counter:
        """Declare a counter."""
        ...

    def gauge(self, name: str, text: str, labels: Sequence[str]) -> Gauge:
        """Declare a gauge."""
        ...

    def level(self, name: str, text: str, labels: Sequence[str]) -> Level:
        """Declare a level."""
        ...

    def histogram(self, name: str, text: str, labels: Sequence[str], bounds: Sequence[float]) -> Histogram:
        """Declare a histogram with the upper bounds of its buckets."""
        ...


class _Nothing:
    def count(self, *labels: str) -> None:
        pass

    def change(self, by: float, *labels: str) -> None:
        pass

    def set(self, value: float, *labels: str) -> None:
        pass

    def observe(self, value: float, *labels: str) -> None:
        pass


class NoMetrics:
    """Counts nothing."""

    def issuance(self, instance: str, outcome: str) -> None:
        """Do nothing."""

    def sign_in(self, outcome: str) -> None:
        """Do nothing."""

    def counter(self, name: str, text: str, labels: Sequence[str]) -> Counter:  # noqa: ARG002
        """Return what counts nothing."""
        return _Nothing()

    def gauge(self, name: str, text: str, labels: Sequence[str]) -> Gauge:  # noqa: ARG002
        """Return what counts nothing."""
        return _Nothing()

    def level(self, name: str, text: str, labels: Sequence[str]) -> Level:  # noqa: ARG002
        """Return what counts nothing."""
        return _Nothing()

    def histogram(
        self,
        name: str,  # noqa: ARG002
        text: str,  # noqa: ARG002
        labels: Sequence[str],  # noqa: ARG002
        bounds: Sequence[float],  # noqa: ARG002
    ) -> Histogram:
        """Return what counts nothing."""
        return _Nothing()


class _Declared:
    """A metric of prometheus_client."""

    def __init__(self, metric: Any) -> None:
        self._metric = metric

    def count(self, *labels: str) -> None:
        self._metric.labels(*labels).inc()

    def change(self, by: float, *labels: str) -> None:
        self._metric.labels(*labels).inc(by)

    def set(self, value: float, *labels: str) -> None:
        (self._metric.labels(*labels) if labels else self._metric).set(value)

    def observe(self, value: float, *labels: str) -> None:
        self._metric.labels(*labels).observe(value)


class PrometheusMetrics:
    """Counts with prometheus_client; the processes of one server are summed by its exporter."""

    def __init__(self) -> None:
        import prometheus_client  # noqa: PLC0415 - only when metrics are on

        self._client = prometheus_client
        self.registry = prometheus_client.CollectorRegistry()
        self._declared: dict[str, _Declared] = {}
        self._issuances = self.counter(
            "issuer_issuances", "Tokens issued and refused", ["instance", "outcome"]
        )
        self._sign_ins = self.counter("issuer_sign_ins", "Sign-ins", ["outcome"])

    def issuance(self, instance: str, outcome: str) -> None:
        """Count one issuance of an instance: `issued` or `refused`."""
        self._issuances.count(instance, outcome)

    def sign_in(self, outcome: str) -> None:
        """Count one sign-in: `ok`, `failed` or `paused`."""
        self._sign_ins.count(outcome)

    def counter(self, name: str, text: str, labels: Sequence[str]) -> Counter:
        """Declare a counter."""
        return self._once(name, lambda: self._client.Counter(name, text, labels, registry=self.registry))

    def gauge(self, name: str, text: str, labels: Sequence[str]) -> Gauge:
        """Declare a gauge."""
        options: dict[str, Any] = {"registry": self.registry, "multiprocess_mode": "livesum"}
        return self._once(name, lambda: self._client.Gauge(name, text, labels, **options))

    def level(self, name: str, text: str, labels: Sequence[str]) -> Level:
        """Declare a level."""
        options: dict[str, Any] = {"registry": self.registry, "multiprocess_mode": "livemostrecent"}
        return self._once(name, lambda: self._client.Gauge(name, text, labels, **options))

    def histogram(self, name: str, text: str, labels: Sequence[str], bounds: Sequence[float]) -> Histogram:
        """Declare a histogram with the upper bounds of its buckets."""
        options: dict[str, Any] = {"registry": self.registry, "buckets": bounds}
        return self._once(name, lambda: self._client.Histogram(name, text, labels, **options))

    def _once(self, name: str, make: Callable[[], Any]) -> _Declared:
        if name not in self._declared:
            self._declared[name] = _Declared(make())
        return self._declared[name]
