"""What all benchmarks share, and the table of ratios at the end of a run."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from keystile import Gate, KeyRecord, Scope, mint, new_key_id

LARGEST = 1_000_000_000


class World:
    """One gate with one key that no benchmark can exhaust, and one that is exhausted already."""

    def __init__(self, folder: Path) -> None:
        self.pepper = os.urandom(32)
        tiers = [("Unlimited", LARGEST, LARGEST), ("Exhausted", 1, 1)]
        self.gate = Gate.open(folder / "gate", scopes=["PSA", "CRM"], tiers=tiers, pepper=self.pepper, capacity=1_000)
        self.psa: Scope = self.gate.scope("PSA")
        self.crm: Scope = self.gate.scope("CRM")
        self.secret = self._key("Unlimited")
        self.exhausted = self._key("Exhausted")
        self.gate.check(self.exhausted, self.psa)

    def _key(self, tier: str) -> bytes:
        secret = mint().encode()
        self.gate.put(KeyRecord(new_key_id(), self.gate.digest(secret), scopes=["PSA"], tier=tier))
        return secret


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A gate in a folder of its own."""
    return World(tmp_path)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """The ratios of this run: figures that can be carried from machine to machine."""
    session = getattr(config, "_benchmarksession", None)
    benchmarks = [bench for bench in getattr(session, "benchmarks", []) if bench.stats.rounds]
    terminalreporter.section("ratios of medians in this run")
    for line in [*_beside_baselines(benchmarks), *_in_turns(benchmarks)]:
        terminalreporter.write_line(line)


def _beside_baselines(benchmarks: list[Any]) -> Iterator[str]:
    """Each benchmark's median over that of its group's baselines."""
    for baseline in benchmarks:
        if not baseline.extra_info.get("baseline"):
            continue
        for bench in benchmarks:
            if bench.group == baseline.group and bench is not baseline and "title" in bench.extra_info:
                ratio = bench.stats.median / baseline.stats.median
                yield f"{bench.group}: {bench.extra_info['title']} ÷ {baseline.extra_info['title']} = {ratio:.2f}"


def _in_turns(benchmarks: list[Any]) -> Iterator[str]:
    """What was measured in alternating rounds: the figures that targets are held against."""
    for bench in benchmarks:
        for what, ratio in bench.extra_info.get("ratios", {}).items():
            yield f"{bench.group}, in turns: {what} = {ratio:.2f}"
