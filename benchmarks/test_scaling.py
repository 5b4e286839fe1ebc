"""Two processes beside one: what sharing one segment costs."""

from __future__ import annotations

import os
import statistics
from collections.abc import Callable, Iterator

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks import figures
from benchmarks.hammer import Done, Hammer, Run
from benchmarks.worlds import BURST, Standing

pytestmark = [
    pytest.mark.benchmark(group="scaling"),
    pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="two processes need two processors"),
]

ROUNDS = figures.sized(3, 7, 15)
SECONDS = 0.5 if figures.FULL else 0.25


@pytest.fixture
def hammers(world: Standing) -> Iterator[list[Hammer]]:
    made = [Hammer(world.path, processor) for processor in range(2)]
    yield made
    for hammer in made:
        hammer.stop()


def together(hammers: list[Hammer], *runs: Run) -> list[Done]:
    for hammer, run in zip(hammers, runs, strict=True):
        hammer.begin(run)
    return [hammer.done() for hammer in hammers]


def alone(hammer: Hammer, run: Run) -> Done:
    hammer.begin(run)
    return hammer.done()


def against_one(hammers: list[Hammer], first: Run, second: Run) -> float:
    """The rate of both together ÷ the sum of both alone, halved: 2 when neither is in the other's way.

    Each process's rate is taken by its own processor time, so that other programs of the machine do not count.
    """
    ratios = []
    for _ in range(ROUNDS):
        both = together(hammers, first, second)
        each = [alone(hammer, run) for hammer, run in zip(hammers, (first, second), strict=True)]
        ratios.append(sum(b.calls / b.cpu_s / (e.calls / e.cpu_s) for b, e in zip(both, each, strict=True)))
    return statistics.median(ratios)


def test_two_processes(benchmark: BenchmarkFixture, world: Standing, hammers: list[Hammer]) -> None:
    other = world.key()
    runs: dict[str, Callable[[], float]] = {
        "checks of different keys": lambda: against_one(hammers, Run(world.secret, SECONDS), Run(other, SECONDS)),
        "hashlib.sha256": lambda: against_one(
            hammers, Run(world.secret, SECONDS, hash_only=True), Run(other, SECONDS, hash_only=True)
        ),
        "checks of one key": lambda: against_one(hammers, Run(world.secret, SECONDS), Run(world.secret, SECONDS)),
    }
    found = benchmark.pedantic(lambda: {name: run() for name, run in runs.items()}, rounds=1)
    title = "two processes ÷ one, "
    figures.ratio("scaling", f"{title}checks of different keys", found["checks of different keys"], at_least=1.9)
    figures.ratio("scaling", f"{title}hashlib.sha256", found["hashlib.sha256"])
    figures.ratio(
        "scaling", "each of two processes ÷ one, checks of one key", found["checks of one key"] / 2, at_least=0.5
    )


def test_two_processes_admit_what_one_would(
    benchmark: BenchmarkFixture, world: Standing, hammers: list[Hammer]
) -> None:
    rounds = [Run(world.key("Burst"), 20, until_refused=True) for _ in range(5)]
    done = benchmark.pedantic(lambda: [together(hammers, run, run) for run in rounds], rounds=1)
    admitted = [sum(one.admitted for one in both) for both in done]
    assert admitted == [BURST] * len(rounds)
    figures.amount("scaling", f"admitted of a burst of {BURST:,} by two processes", statistics.median(admitted), "")
