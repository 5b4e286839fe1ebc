"""`/metrics`: the figures of gate and Hub for Prometheus, those of the whole machine, whichever worker answers."""

from __future__ import annotations

import time
from collections.abc import Iterator

from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from keystile.attachment import Attachment
from keystile.hub.reporting import GONE_NS, Reporter
from keystile.hub.wire import Receive, Scope, Send, respond
from keystile.prometheus import GateCollector

KEPT_S = 1.0
"""How long a worker tells the same: making it takes a millisecond or more, and everybody may ask."""
_CLASSES = ("2xx", "3xx", "4xx", "5xx")
_TYPE = CONTENT_TYPE_PLAIN_0_0_4.encode()


class Metrics(Collector):
    """Open to everyone: no figure names a key or a tenant."""

    def __init__(self, attachment: Attachment, reporter: Reporter) -> None:
        self._attachment = attachment
        self._reporter = reporter
        # Not the library's own: what it says of this process would change with the worker that answers.
        self._registry = CollectorRegistry()
        self._registry.register(GateCollector(attachment=attachment))
        self._registry.register(self)
        self._text = b""
        self._made_at_s = float("-inf")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's
        """The Prometheus text format."""
        if time.monotonic() - self._made_at_s >= KEPT_S:
            self._reporter.tell()
            self._text, self._made_at_s = generate_latest(self._registry), time.monotonic()
        await respond(send, 200, self._text, media_type=_TYPE)

    def collect(self) -> Iterator[Metric]:
        """What the workers of this machine's Hub have told."""
        gate = self._attachment.ensure()
        if gate is None:
            return
        alive, (size, idle, most), answered = gate.counters.workers(GONE_NS)
        yield GaugeMetricFamily("keystile_hub_workers", "Workers of the Hub that are alive.", alive)
        pool = GaugeMetricFamily(
            "keystile_hub_database_connections", "Connections of all workers to the database.", labels=["state"]
        )
        pool.add_metric(["idle"], idle)
        pool.add_metric(["used"], size - idle)
        yield pool
        text = "Connections that the workers that are alive may have at most."
        yield GaugeMetricFamily("keystile_hub_database_connections_max", text, most)
        requests = CounterMetricFamily(
            "keystile_hub_requests",
            "Requests that the Hub answered, but for decisions (/v1/authz and /v1/verify).",
            labels=["status"],
        )
        for status, count in zip(_CLASSES, answered, strict=True):
            requests.add_metric([status], count)
        yield requests
