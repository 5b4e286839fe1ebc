"""What the console's list of keys costs the server: how it grows with the keys, in each order and for each search."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks import figures
from benchmarks.consoles import Console
from benchmarks.measure import in_turns
from keystile.store.embedded import EmbeddedPostgres

pytestmark = [pytest.mark.benchmark(group="console"), pytest.mark.timeout(900)]

FEW, MANY = 100, figures.sized(10_000, 100_000, 100_000)
MANY_KEYS = figures.power_of_ten(MANY)
GROWTH = f"console, {MANY_KEYS} ÷ {figures.power_of_ten(FEW)} keys"
USED = MANY if figures.FULL else 1_000  # keys with 30 days of usage, the newest; the list shows 50
ROUNDS = figures.sized(3, 7, 15)
LONGEST_MS = 300

ASKED = {
    "newest first": {},
    "by name": {"sort": "name"},
    "expiring first": {"sort": "expires_at"},
    "used most recently": {"sort": "-last_used_at"},
    "most requests": {"sort": "-total_requests"},
    "a search that finds many": {"q": "billing"},
    "a search that finds one": {"q": "c4ca4238a0"},
    "a search that finds none, by name": {"q": "nothing like it", "sort": "name"},
    "a scope, used most recently": {"scope": "CRM", "sort": "-last_used_at"},
    "a status that none has": {"status": "revoked"},
}
INDEXED = {"newest first", "by name", "expiring first", "a search that finds many"}
"""What an index serves: many keys cost as much as few."""


@pytest.fixture
def consoles(folder: Path) -> Iterator[dict[int, Console]]:
    """One with few keys and one with many."""
    with asyncio.Runner() as runner, tempfile.TemporaryDirectory(prefix="keystile-bench-") as data:
        postgres = EmbeddedPostgres(Path(data) / "data")
        runner.run(postgres.start())
        try:
            yield {count: Console(runner, folder, postgres, keys=count, used=min(count, USED)) for count in (FEW, MANY)}
        finally:
            runner.run(postgres.stop())


def test_the_list_of_many_keys(benchmark: BenchmarkFixture, consoles: dict[int, Console]) -> None:
    subjects = {
        f"{name}, {count}": consoles[count].page(**query) for name, query in ASKED.items() for count in (FEW, MANY)
    }
    turns = benchmark.pedantic(lambda: in_turns(subjects, rounds=ROUNDS), rounds=1)
    for name in ASKED:
        many, few = f"{name}, {MANY}", f"{name}, {FEW}"
        at_most = 2.0 if name in INDEXED else None
        figures.ratio(GROWTH, name, turns.ratio(many, few), at_most=at_most)
        figures.amount(f"console, {MANY_KEYS} keys", name, turns.median_s(many) * 1e3, "ms", at_most=LONGEST_MS)
