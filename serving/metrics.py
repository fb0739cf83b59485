"""Metrics for Prometheus, under the names and labels that tensorflow_model_server uses.

`request_count` counts every REST request by model and status code; `request_latency` is the time
from a request's first byte to its answer, of answered requests, and `runtime_latency` the graph's
share of it, both in microseconds. Batching has its own two. What a server of Python has beside
these is the number of requests in it.
"""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.metrics_core import Metric

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_PREFIX = ":tensorflow:serving:"
# 10 us to 20 minutes, each limit 1.8 times the one before.
_LIMITS = [10 * 1.8**power for power in range(33)]
_TOTAL = "_total"


class Metrics:
    """One server's metrics, in a registry of their own."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._request_count = Counter(
            f"{_PREFIX}request_count",
            "Requests by model and status.",
            ["model_name", "status"],
            registry=None,
        )
        self._request_latency = self._histogram(
            "request_latency", "Time of a request in microseconds.", "model_name API entrypoint"
        )
        self._runtime_latency = self._histogram(
            "runtime_latency", "Time in the graph in microseconds.", "model_name API runtime"
        )
        self._queuing_latency = self._histogram(
            "batching_session:queuing_latency", "Time in a batch's queue in microseconds.", ""
        )
        self._batch_count = Counter(
            f"{_PREFIX}batching_session:wrapped_run_count",
            "Runs of the graph on batches.",
            registry=None,
        )
        self._in_flight = Gauge(
            "serving_requests_in_flight", "Requests being answered.", registry=self._registry
        )
        self._registry.register(_PlainCounters(self._request_count, self._batch_count))

    def count_request(self, model: str, status: str) -> None:
        """Counts one request by the model it named, if any, and its canonical status code."""
        self._request_count.labels(model, status).inc()

    def time_request(self, model: str, verb: str, seconds: float) -> None:
        """Notes how long an answered request took."""
        self._request_latency.labels(model, verb, "REST").observe(1e6 * seconds)

    def time_run(self, model: str, verb: str, seconds: float) -> None:
        """Notes how long the graph took."""
        self._runtime_latency.labels(model, verb.capitalize(), "TF1").observe(1e6 * seconds)

    def time_queue(self, seconds: float) -> None:
        """Notes how long a request waited for its batch."""
        self._queuing_latency.observe(1e6 * seconds)

    def count_batch(self) -> None:
        """Counts a run of the graph on a batch."""
        self._batch_count.inc()

    def set_in_flight(self, number: int) -> None:
        """Notes how many requests are being answered."""
        self._in_flight.set(number)

    def page(self) -> bytes:
        """Everything in Prometheus' text format."""
        text = generate_latest(self._registry).decode()
        # The client ends the type line of every counter in _total, which these names do not have.
        for name in ("request_count", "batching_session:wrapped_run_count"):
            for line in ("HELP", "TYPE"):
                start = f"# {line} {_PREFIX}{name}"
                text = text.replace(f"{start}{_TOTAL} ", f"{start} ")
        return text.encode()

    def _histogram(self, name: str, meaning: str, labels: str) -> Histogram:
        return Histogram(
            f"{_PREFIX}{name}",
            meaning,
            labels.split(),
            buckets=_LIMITS,
            registry=self._registry,
        )


class _PlainCounters:
    """Counters whose samples are called as the metric is, and none of them when it was made."""

    def __init__(self, *counters: Counter) -> None:
        self._counters = counters

    def collect(self) -> Iterator[Metric]:
        """What the registry asks for."""
        for counter in self._counters:
            for metric in counter.collect():
                plain = Metric(metric.name, metric.documentation, metric.type)
                for sample in metric.samples:
                    if sample.name == metric.name + _TOTAL:
                        plain.add_sample(metric.name, sample.labels, sample.value)
                yield plain
