"""This machine's gate for OpenTelemetry; needs `keystile[otel]`.

```python
from keystile.otel import instrument

instrument()
```

Its instruments read the gate's counters when the SDK collects. A check knows nothing of them, and costs what it costs
without. They tell of the whole machine: instrument one of its processes, or each figure arrives once for each.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import version

from opentelemetry.metrics import CallbackOptions, MeterProvider, Observation, get_meter

from keystile._core import Gate, boottime
from keystile.attachment import Attachment
from keystile.figures import FED_NS, FLUSHED_NS

__all__ = ["instrument"]

_SECOND_NS = 1_000_000_000


def instrument(gate: Gate | None = None, meter_provider: MeterProvider | None = None) -> None:
    """Register instruments for `gate`, or for this machine's one, which is attached when the SDK first collects, and
    again when an agent has replaced it. Without a `meter_provider` the global one is used.
    """
    meter = get_meter("keystile", version("keystile"), meter_provider)
    source = _Source(Attachment(gate))
    meter.create_observable_counter("keystile.decisions", [source.decisions], "{decision}", "Decisions by code.")
    meter.create_observable_counter(
        "keystile.application.errors", [source.errors], "{request}", "Requests that passed and that then failed."
    )
    meter.create_observable_gauge(
        "keystile.gate.fresh",
        [source.fresh],
        "1",
        "Whether the gate decides: else it cannot show that its keys are current.",
    )
    meter.create_observable_gauge("keystile.keys", [source.keys], "{key}", "Keys that the gate holds.")
    meter.create_observable_gauge(
        "keystile.feed.lag", [source.feed_lag], "s", "How old the changes are at most that the gate may lack."
    )
    meter.create_observable_gauge(
        "keystile.flush.lag", [source.flush_lag], "s", "How old the counts are at most that the database may lack."
    )


class _Source:
    """What the SDK calls; while there is no gate, there is nothing to observe but that."""

    def __init__(self, attachment: Attachment) -> None:
        self._attachment = attachment

    def decisions(self, _: CallbackOptions) -> Iterable[Observation]:
        for gate in self._gates():
            for code, decided in gate.counters.decisions().items():
                yield Observation(decided, {"code": code})

    def errors(self, _: CallbackOptions) -> Iterable[Observation]:
        for gate in self._gates():
            for status, ended in zip(("4xx", "5xx"), gate.counters.application_errors(), strict=True):
                yield Observation(ended, {"status": status})

    def fresh(self, _: CallbackOptions) -> Iterable[Observation]:
        yield Observation(int(any(gate.fresh for gate in self._gates())))

    def keys(self, _: CallbackOptions) -> Iterable[Observation]:
        return [Observation(gate.key_count) for gate in self._gates()]

    def feed_lag(self, _: CallbackOptions) -> Iterable[Observation]:
        return self._since(FED_NS)

    def flush_lag(self, _: CallbackOptions) -> Iterable[Observation]:
        return self._since(FLUSHED_NS)

    def _since(self, name: str) -> Iterable[Observation]:
        for gate in self._gates():
            at_ns = gate.counters.figures().get(name)
            if at_ns is not None:
                yield Observation(max(0, boottime() - at_ns) / _SECOND_NS)

    def _gates(self) -> list[Gate]:
        gate = self._attachment.current()
        return [] if gate is None else [gate]
