"""Prometheus metrics: counted as plain numbers, turned into families when somebody asks.

Law: labels come from closed sets (methods we forward, statuses, causes), so that no client can make series.
``prometheus_client`` is imported at the first scrape: it is not needed to serve, and starting is to be fast.
"""

from __future__ import annotations

import asyncio
import bisect
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from proxy_under_test.causes import Cause
from proxy_under_test.frontdoor import METHODS
from proxy_under_test.gate import Known
from proxy_under_test.policy import WORTH_RETRYING

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0)
TRIES = (1.0, 2.0, 3.0, 4.0, 8.0)


class Histogram:
    """Counts per bucket and a sum."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def observe(self, value: float) -> None:
        """Count ``value``."""
        self.counts[bisect.bisect_left(self.bounds, value)] += 1
        self.total += value

    def buckets(self) -> list[tuple[str, float]]:
        """Cumulative counts by upper bound, as Prometheus wants them."""
        rows, running = [], 0
        for bound, count in zip((*self.bounds, float("inf")), self.counts, strict=True):
            running += count
            rows.append(("+Inf" if bound == float("inf") else str(bound), float(running)))
        return rows


class Metrics:
    """What is counted.  ``gauges`` are asked when somebody scrapes."""

    def __init__(self) -> None:
        self.requests: Counter[tuple[str, int]] = Counter()
        # From 0 on: of a series that begins with its first failure, Prometheus' increase() does not see that failure.
        self.retries: Counter[Cause] = Counter(dict.fromkeys(sorted(WORTH_RETRYING), 0))
        self.failures: Counter[Cause] = Counter(dict.fromkeys(Cause, 0))
        self.probes: Counter[str] = Counter({Known.GOOD.value: 0, Known.BAD.value: 0})
        self.sink: Counter[str] = Counter(delivered=0, failed=0, dropped=0)
        self.duration = Histogram(SECONDS)
        self.tries = Histogram(TRIES)
        self.in_flight = 0
        self.bytes_in = 0
        self.bytes_out = 0
        self.health: Callable[[], Known] = lambda: Known.NOTHING
        self.gauges: dict[str, tuple[str, Callable[[], float]]] = {
            "proxy_in_flight_requests": ("Requests being served.", lambda: self.in_flight),
            "proxy_asyncio_tasks": ("Tasks of the event loop.", lambda: len(asyncio.all_tasks())),
        }

    def finished(self, method: str, status: int, seconds: float, tries: int) -> None:
        """Count one finished request; ``tries`` is 0 where the upstream was not asked."""
        self.in_flight -= 1
        self.requests[method if method in METHODS else "OTHER", status] += 1
        duration = self.duration
        duration.counts[bisect.bisect_left(SECONDS, seconds)] += 1
        duration.total += seconds
        if tries == 1:
            self.tries.counts[0] += 1
            self.tries.total += 1.0
        elif tries:
            self.tries.observe(tries)

    def collect(self) -> Iterator[Metric]:
        """The metric families, for a Prometheus registry."""
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

        requests = CounterMetricFamily(
            "proxy_requests", "Requests by method and status.", labels=["method", "status"]
        )
        for (method, status), count in self.requests.items():
            requests.add_metric([method, str(status)], count)
        yield requests
        for name, text, label, counts in self._counters():
            family = CounterMetricFamily(name, text, labels=[label])
            for value, count in counts.items():
                family.add_metric([str(value)], count)
            yield family
        for name, text, histogram in (
            ("proxy_request_duration_seconds", "From the head of a request to its last byte.", self.duration),
            ("proxy_upstream_tries", "Tries per request that reached for the upstream.", self.tries),
        ):
            yield HistogramMetricFamily(name, text, buckets=histogram.buckets(), sum_value=histogram.total)
        known = GaugeMetricFamily("proxy_backend_health", "1 for what is known of the backend.", labels=["state"])
        for state in Known:
            known.add_metric([state.value], float(self.health() is state))
        yield known
        for name, (text, read) in self.gauges.items():
            yield GaugeMetricFamily(name, text, value=read())

    def _counters(self) -> tuple[tuple[str, str, str, Counter[Cause] | Counter[str]], ...]:
        traffic = Counter({"in": self.bytes_in, "out": self.bytes_out})
        return (
            ("proxy_retries", "Retries by the cause of the try before.", "cause", self.retries),
            ("proxy_failures", "Requests that failed, by cause.", "cause", self.failures),
            ("proxy_health_probes", "Health probes by result.", "result", self.probes),
            ("proxy_error_sink", "Errors for the external service, by fate.", "fate", self.sink),
            ("proxy_body_bytes", "Body bytes from and to clients.", "direction", traffic),
        )

    def exposition(self) -> tuple[bytes, str]:
        """The text for a scrape, and its content type."""
        from prometheus_client import CollectorRegistry, ProcessCollector
        from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

        registry = CollectorRegistry()
        registry.register(self)
        ProcessCollector(registry=registry)
        return generate_latest(registry), CONTENT_TYPE_LATEST
