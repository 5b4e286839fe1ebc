"""What a flush costs: it grows with the keys in use, not with the keys that there are, nor with the requests."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks import figures
from benchmarks.measure import in_turns
from benchmarks.town import ACTIVE, Town
from keystile.store.embedded import EmbeddedPostgres

pytestmark = [pytest.mark.benchmark(group="flush"), pytest.mark.timeout(900)]

FEW, MANY = 10_000, figures.sized(40_000, 200_000, 1_000_000)
ROUNDS = figures.sized(3, 9, 9)


@pytest.fixture
def towns(folder: Path) -> Iterator[dict[int, Town]]:
    """One with few keys and one with many; in both the same number is used."""
    with asyncio.Runner() as runner, tempfile.TemporaryDirectory(prefix="keystile-bench-") as data:
        postgres = EmbeddedPostgres(Path(data) / "data")
        runner.run(postgres.start())
        try:
            made = {count: Town(runner, folder, postgres, count) for count in (FEW, MANY)}
            yield made
            for town in made.values():
                town.close()
        finally:
            runner.run(postgres.stop())


def after_use(town: Town, work: Callable[[], int]) -> Callable[[], int]:
    """The work, with one more request of each key in use before it; those cost microseconds."""

    def both() -> int:
        town.use()
        return work()

    return both


def test_a_flush_costs_what_is_used(benchmark: BenchmarkFixture, towns: dict[int, Town]) -> None:
    few, many = towns[FEW], towns[MANY]
    subjects = {
        "few": after_use(few, few.flush),
        "many": after_use(many, many.flush),
        "drain few": after_use(few, few.drain),
        "drain many": after_use(many, many.drain),
        "row by row": after_use(few, few.row_by_row),
    }
    turns = benchmark.pedantic(lambda: in_turns(subjects, rounds=ROUNDS), rounds=1)
    known = f"{ACTIVE:,} used of {MANY:,}"
    figures.ratio("flush", f"{known} ÷ of {FEW:,} keys", turns.ratio("many", "few"), at_most=1.5)
    figures.ratio("flush", f"drain: {known} ÷ of {FEW:,} keys", turns.ratio("drain many", "drain few"))
    figures.ratio(
        "flush", f"{known} ÷ one bare UPDATE a key: no marks, hours or days", turns.ratio("many", "row by row")
    )
    figures.amount("flush", known, turns.median_s("many") * 1e9, "ns")


def test_a_flush_costs_nothing_for_requests(benchmark: BenchmarkFixture, towns: dict[int, Town]) -> None:
    town = towns[FEW]

    def many_requests() -> int:
        for _ in range(20):
            town.use()
        started = time.perf_counter()
        town.flush()
        spent.append(time.perf_counter() - started)
        return 1

    def one_request() -> int:
        town.use()
        started = time.perf_counter()
        town.flush()
        single.append(time.perf_counter() - started)
        return 1

    spent: list[float] = []
    single: list[float] = []
    benchmark.pedantic(lambda: in_turns({"many": many_requests, "one": one_request}, rounds=ROUNDS), rounds=1)
    ratios = sorted(a / b for a, b in zip(spent, single, strict=True))
    figures.ratio("flush", "20 requests a key ÷ 1 request a key", ratios[len(ratios) // 2], at_most=1.5)
