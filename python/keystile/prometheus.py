"""Figures of this machine's gate for Prometheus.

```python
from prometheus_client import REGISTRY

from keystile.prometheus import GateCollector

REGISTRY.register(GateCollector())
```

A Hub serves them at `/metrics` by itself. All of them are of the whole machine, so of its processes one is enough.
Nothing is read before Prometheus asks, and no figure names a key or a tenant.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib.metadata import version

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, InfoMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from keystile._core import Counters, Gate, boottime
from keystile.attachment import Attachment
from keystile.figures import FED_NS, FLUSHED_NS, outcomes_of

__all__ = ["GateCollector"]

_SECOND_NS = 1_000_000_000
_BLOCK_BYTES = 512


class GateCollector(Collector):
    """Collects from `gate`, or from this machine's one, attached when it is first asked for and again when an agent
    has replaced it.
    """

    def __init__(self, gate: Gate | None = None, *, attachment: Attachment | None = None) -> None:
        self._attachment = attachment or Attachment(gate)

    def collect(self) -> Iterator[Metric]:
        """Every family there is something to say about."""
        gate = self._attachment.current()
        yield InfoMetricFamily("keystile_build", "The version that answers.", {"version": version("keystile")})
        fresh = gate is not None and gate.fresh
        yield _gauge("gate_fresh", "Whether the gate decides: else it cannot show that its keys are current.", fresh)
        if gate is not None:
            counters = gate.counters
            yield from _decisions(counters)
            yield _outcomes(counters)
            yield _durations(counters)
            yield _budgets(counters)
            yield from _keys(gate)
            yield from _segment(gate)
            yield from _agent(gate, counters)


def _decisions(counters: Counters) -> Iterator[Metric]:
    decisions = CounterMetricFamily("keystile_decisions", "Decisions by code; ok: the request passed.", labels=["code"])
    for code, decided in counters.decisions().items():
        decisions.add_metric([code], decided)
    yield decisions
    errors = CounterMetricFamily(
        "keystile_application_errors", "Requests that passed and that the application failed.", labels=["status"]
    )
    for status, ended in zip(("4xx", "5xx"), counters.application_errors(), strict=True):
        errors.add_metric([status], ended)
    yield errors


def _outcomes(counters: Counters) -> Metric:
    outcomes = CounterMetricFamily(
        "keystile_outcomes", "Outcomes that proxies reported to the agent, by what became of them.", labels=["result"]
    )
    for result, reported in outcomes_of(counters.figures()).items():
        outcomes.add_metric([result], reported)
    return outcomes


def _durations(counters: Counters) -> Metric:
    bounds_ns, counts, sum_ns = counters.durations()
    buckets, so_far = [], 0
    for bound, count in zip([*(repr(bound / _SECOND_NS) for bound in bounds_ns), "+Inf"], counts, strict=True):
        so_far += count
        buckets.append((bound, so_far))
    text = "How long checks take inside the process, of about one in 1,024."
    return HistogramMetricFamily("keystile_check_duration_seconds", text, buckets, sum_ns / _SECOND_NS)


def _budgets(counters: Counters) -> Metric:
    charged, exhausted = counters.failure_budgets()
    budgets = GaugeMetricFamily(
        "keystile_failure_budgets", "Budgets of failed attempts that are not full, by client address.", labels=["state"]
    )
    budgets.add_metric(["charged"], charged - exhausted)
    budgets.add_metric(["exhausted"], exhausted)
    return budgets


def _keys(gate: Gate) -> Iterator[Metric]:
    yield _gauge("keys", "Keys that the gate holds, revoked and deleted ones included.", gate.key_count)
    yield _gauge("segment_capacity", "Keys that the segment can hold at most.", gate.capacity)
    yield _gauge("applied_revision", "The last change that the gate has applied.", gate.applied_revision)


def _segment(gate: Gate) -> Iterator[Metric]:
    try:
        blocks, system = os.stat(gate.path).st_blocks, os.statvfs(gate.path)  # noqa: PTH116 - Path has no statvfs
    except OSError:
        return
    yield _gauge("segment_memory_bytes", "Memory that the segment takes.", blocks * _BLOCK_BYTES)
    free = system.f_bavail * system.f_frsize
    yield _gauge("segment_filesystem_available_bytes", "Room that is left where the segment lies.", free)


def _agent(gate: Gate, counters: Counters) -> Iterator[Metric]:
    now_ns, figures = boottime(), counters.figures()
    since = (
        ("feed_lag_seconds", "How old the changes are at most that the gate may lack.", figures.get(FED_NS)),
        ("flush_lag_seconds", "How old the counts are at most that the database may lack.", figures.get(FLUSHED_NS)),
        ("agent_heartbeat_age_seconds", "Since when the agent has shown no sign of life.", gate.heartbeat_ns),
    )
    for name, text, at_ns in since:
        if at_ns:
            yield _gauge(name, text, max(0, now_ns - at_ns) / _SECOND_NS)


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"keystile_{name}", text, float(value))
