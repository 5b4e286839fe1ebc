"""What a gate counts for its whole machine: seen by every process, and there when one is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from keystile import Gate
from keystile._core import Writer
from keystile.errors import GateError
from tests.unit.gates import counted_gate, private_gate, put_counted, put_key

CODES = {
    "ok",
    "gate_stale",
    "missing_credentials",
    "multiple_credentials",
    "malformed_key",
    "unknown_key",
    "revoked_key",
    "disabled_key",
    "expired_key",
    "too_many_failures",
    "rate_limited",
    "insufficient_scope",
}


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[Writer]:
    made = counted_gate(tmp_path)
    yield made
    made.close()


def made(gate: Gate) -> dict[str, int]:
    """The codes that there were."""
    return {code: decided for code, decided in gate.counters.decisions().items() if decided}


def test_all_codes_are_told_from_the_beginning(writer: Writer) -> None:
    assert writer.gate().counters.decisions() == dict.fromkeys(CODES, 0)


def test_every_process_tells_the_same(writer: Writer) -> None:
    secret = put_counted(writer)
    gate, other = writer.gate(), Gate.attach(writer.gate().path)
    gate.finish(gate.check(secret), 404)
    other.finish(other.check(secret), 500)
    assert gate.check("nonsense", client="192.0.2.1").code == "malformed_key"
    # A refusal without a key is told at once, a decision on a key with the next tally or drain.
    assert made(other) == {"malformed_key": 1}
    writer.tally()
    for one in (gate, other):
        assert made(one) == {"malformed_key": 1, "ok": 2}
        assert one.counters.application_errors() == (1, 1)
        assert one.counters.failure_budgets() == (1, 0)
    other.check(secret)
    assert writer.drain()
    assert made(gate)["ok"] == 3


def test_a_private_gate_tells_at_once(tmp_path: Path) -> None:
    gate = private_gate(tmp_path)
    _, secret = put_key(gate, scopes=[])
    for _ in range(3):
        gate.check(secret)
    assert made(gate) == {"insufficient_scope": 3}


_CHECKS = """
import sys
from keystile import Gate
gate, secret = Gate.attach(sys.argv[1]), sys.stdin.readline().strip()
for _ in range(1000):
    gate.check(secret)
    gate.check("nonsense")
print("done", flush=True)
sys.stdin.readline()
"""


def test_what_a_killed_process_counted_stays(writer: Writer) -> None:
    secret = put_counted(writer, tier="Enterprise")
    gate = writer.gate()
    arguments = [sys.executable, "-c", _CHECKS, os.fspath(gate.path)]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(f"{secret}\n")
        process.stdin.flush()
        assert process.stdout.readline() == "done\n"
        process.send_signal(signal.SIGKILL)
        process.wait()
    writer.tally()
    assert made(gate) == {"ok": 1000, "malformed_key": 1000}


def test_durations_are_of_some_checks(writer: Writer) -> None:
    secret, gate = put_counted(writer), writer.gate()
    assert sum(gate.counters.durations()[1]) == 0
    for _ in range(20_000):
        gate.check(secret)
    bounds, counts, total_ns = gate.counters.durations()
    assert len(counts) == len(bounds) + 1
    assert bounds == sorted(bounds)
    assert (bounds[0], bounds[-1]) == (100, 100_000_000)
    # About 20; the clock chooses, so neither none nor hundreds.
    assert 1 <= sum(counts) <= 100
    assert total_ns > 0


def test_figures_are_published_by_name(writer: Writer) -> None:
    gate = Gate.attach(writer.gate().path)
    assert gate.counters.figures() == {}
    writer.set_figure("flushed_ns", 7)
    writer.add_to_figure("received", 3)
    writer.add_to_figure("received", 4)
    writer.set_figure("flushed_ns", 9)
    assert gate.counters.figures() == {"flushed_ns": 9, "received": 7}
    with pytest.raises(GateError):
        writer.set_figure("no name", 1)
    with pytest.raises(OverflowError):
        writer.add_to_figure("received", -1)


def test_workers_are_summed_while_they_tell_something(writer: Writer) -> None:
    counters = writer.gate().counters
    counters.report(0, pool=(3, 1, 8), answered=(5, 0, 1, 0))
    counters.report(7, pool=(2, 2, 8), answered=(1, 0, 0, 1))
    counters.report(7, pool=(2, 0, 8), answered=(1, 0, 0, 0))
    assert counters.workers(60_000_000_000) == (2, (5, 1, 16), [7, 0, 1, 1])
    assert counters.workers(0) == (0, (0, 0, 0), [7, 0, 1, 1])
