"""The gate's figures in a registry of the application's own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from keystile._core import Writer, boottime
from keystile.figures import FED_NS
from keystile.prometheus import GateCollector
from tests.unit.gates import counted_gate, put_counted

Eventually = Callable[..., Awaitable[None]]


def registry(writer: Writer | None = None) -> CollectorRegistry:
    made = CollectorRegistry()
    made.register(GateCollector(None if writer is None else writer.gate()))
    return made


def test_figures_are_read_when_somebody_asks(tmp_path: Path) -> None:
    writer = counted_gate(tmp_path)
    told, secret = registry(writer).get_sample_value, put_counted(writer)
    gate = writer.gate()
    for _ in range(5_000):
        gate.check(secret)
    assert told("keystile_feed_lag_seconds") is None
    writer.set_figure(FED_NS, boottime() - 3_000_000_000)
    writer.tally()
    passed, refused = (told("keystile_decisions_total", {"code": code}) for code in ("ok", "rate_limited"))
    assert (passed or 0) + (refused or 0) == 5_000
    assert 3 <= (told("keystile_feed_lag_seconds") or 0) < 60
    _, counts, sum_ns = gate.counters.durations()
    assert told("keystile_check_duration_seconds_count") == sum(counts)
    assert told("keystile_check_duration_seconds_sum") == pytest.approx(sum_ns / 1e9)
    for bound, so_far in (("1e-07", counts[:1]), ("1e-06", counts[:5]), ("0.1", counts[:-1]), ("+Inf", counts)):
        assert told("keystile_check_duration_seconds_bucket", {"le": bound}) == sum(so_far)
    writer.close()


def replaced(writer: Writer, folder: Path) -> Writer:
    """Another segment in the place of this one."""
    path = Path(writer.gate().path)
    writer.close()
    path.unlink()
    return counted_gate(folder)


async def test_a_gate_in_the_place_of_another_is_found(tmp_path: Path, eventually: Eventually) -> None:
    writer = counted_gate(tmp_path)
    told = registry(writer).get_sample_value
    assert told("keystile_keys") == 0
    other = replaced(writer, tmp_path)
    put_counted(other)
    # It is looked for once a second.
    await eventually(lambda: told("keystile_keys") == 1)
    other.close()


def test_without_a_gate_only_that_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEYSTILE_SEGMENT", str(tmp_path / "absent"))
    names = {family.name for family in registry().collect()}
    assert names == {"keystile_build", "keystile_gate_fresh"}
    assert registry().get_sample_value("keystile_gate_fresh") == 0
