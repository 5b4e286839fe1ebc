"""OpenTelemetry: its real SDK reads the gate's counters when it collects, and never before."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader, NumberDataPoint

from keystile._core import Writer, boottime
from keystile.figures import FED_NS, FLUSHED_NS
from keystile.otel import instrument
from tests.unit.gates import counted_gate, put_counted

Told = dict[tuple[str, ...], float]


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[Writer]:
    made = counted_gate(tmp_path)
    yield made
    made.close()


@pytest.fixture
def collect(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Callable[[Writer | None], Told]]:
    """Collects once: each value by the name of its instrument and its attribute, if it has one."""
    monkeypatch.setenv("KEYSTILE_SEGMENT", str(tmp_path / "absent"))
    readers: dict[Writer | None, InMemoryMetricReader] = {}

    def told(writer: Writer | None) -> Told:
        if writer not in readers:
            readers[writer] = InMemoryMetricReader()
            instrument(None if writer is None else writer.gate(), MeterProvider([readers[writer]]))
        data = readers[writer].get_metrics_data()
        assert data is not None
        (resource,) = data.resource_metrics
        (scope,) = resource.scope_metrics
        assert scope.scope.name == "keystile"
        found = {}
        for metric in scope.metrics:
            assert metric.description
            for point in metric.data.data_points:
                assert isinstance(point, NumberDataPoint)
                found[(metric.name, *map(str, (point.attributes or {}).values()))] = point.value
        return found

    yield told
    for reader in readers.values():
        reader.shutdown()


def test_what_the_gate_has_counted(writer: Writer, collect: Callable[[Writer | None], Told]) -> None:
    secret, gate = put_counted(writer), writer.gate()
    before = collect(writer)
    assert before["keystile.decisions", "ok"] == before["keystile.application.errors", "5xx"] == 0
    assert ("keystile.feed.lag",) not in before
    gate.finish(gate.check(secret), 500)
    gate.check("nonsense")
    writer.tally()
    writer.set_figure(FED_NS, boottime() - 5_000_000_000)
    writer.set_figure(FLUSHED_NS, boottime() - 7_000_000_000)
    after = collect(writer)
    grown = {key[1]: value for key, value in after.items() if key[0] == "keystile.decisions" and value}
    assert grown == {"ok": 1, "malformed_key": 1}
    assert after["keystile.application.errors", "5xx"] == 1
    assert (after[("keystile.gate.fresh",)], after[("keystile.keys",)]) == (1, 1)
    assert 5 <= after[("keystile.feed.lag",)] < 7 <= after[("keystile.flush.lag",)] < 60


def test_without_a_gate_there_is_only_that(collect: Callable[[Writer | None], Told]) -> None:
    assert collect(None) == {("keystile.gate.fresh",): 0}


def test_all_that_is_told_stands_in_the_documentation(writer: Writer, collect: Callable[[Writer | None], Told]) -> None:
    writer.set_figure(FED_NS, 1)
    writer.set_figure(FLUSHED_NS, 1)
    text = (Path(__file__).parents[2] / "docs/metrics.md").read_text()
    names = {name for name, *_ in collect(writer)}
    assert len(names) == 6
    assert all(f"`{name}`" in text for name in names)
