"""What a daemon counts, for Prometheus (text exposition format 0.0.4)."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Generic, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.metrics import MetricWrapperBase

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4

OTHER = "other"
"""What a label's value becomes that was not declared: nobody outside can make the registry grow."""

Labels = Mapping[str, Sequence[str]]
"""Label -> the values that it may have."""

M = TypeVar("M", bound=MetricWrapperBase)


class _Family(Generic[M]):
    """A metric with a child for each combination of its labels' values; all exist, at zero, from the start."""

    def __init__(self, metric: M, labels: Labels) -> None:
        self._known = {name: frozenset(known) for name, known in labels.items()}
        self._children: dict[tuple[str, ...], M] = {} if labels else {(): metric}
        if labels:
            allowed: list[tuple[str, ...]] = [(*known, OTHER) for known in labels.values()]
            for values in itertools.product(*allowed):
                self._children[values] = metric.labels(*values)

    def _child(self, given: Mapping[str, str]) -> M:
        """Raises KeyError when a declared label is not given."""
        return self._children[
            tuple(given[name] if given[name] in known else OTHER for name, known in self._known.items())
        ]


class CounterFamily(_Family[Counter]):
    """Only rises."""

    def add(self, amount: float = 1, **labels: str) -> None:
        """Count ``amount`` more."""
        self._child(labels).inc(amount)


class GaugeFamily(_Family[Gauge]):
    """Goes up and down."""

    def set(self, value: float, **labels: str) -> None:
        """This is its value now."""
        self._child(labels).set(value)

    def add(self, amount: float, **labels: str) -> None:
        """Change it by ``amount``, which may be negative."""
        self._child(labels).inc(amount)


class HistogramFamily(_Family[Histogram]):
    """How values are spread."""

    def observe(self, value: float, **labels: str) -> None:
        """Take one value in, in the unit of the metric's name."""
        self._child(labels).observe(value)


class Metrics:
    """The registry of one process. Names get the prefix ``mailsuite_``; those of the process itself are added."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)

    def counter(self, name: str, help: str, labels: Labels | None = None) -> CounterFamily:
        """Declare a counter, once; its exposed name ends in ``_total``."""
        labels = labels or {}
        metric = Counter(name, help, tuple(labels), namespace="mailsuite", registry=self._registry)
        return CounterFamily(metric, labels)

    def gauge(self, name: str, help: str, labels: Labels | None = None) -> GaugeFamily:
        """Declare a gauge, once."""
        labels = labels or {}
        return GaugeFamily(Gauge(name, help, tuple(labels), namespace="mailsuite", registry=self._registry), labels)

    def histogram(
        self, name: str, help: str, buckets: Sequence[float], labels: Labels | None = None
    ) -> HistogramFamily:
        """Declare a histogram, once; ``buckets`` are upper bounds in the unit of the name."""
        labels = labels or {}
        metric = Histogram(
            name, help, tuple(labels), namespace="mailsuite", registry=self._registry, buckets=tuple(buckets)
        )
        return HistogramFamily(metric, labels)

    def exposition(self) -> bytes:
        """All of it as text, to be served as CONTENT_TYPE."""
        return generate_latest(self._registry)
