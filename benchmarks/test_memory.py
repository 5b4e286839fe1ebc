"""Traffic without a genuine key takes no memory."""

from __future__ import annotations

import gc
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks import figures
from benchmarks.worlds import Standing
from keystile import mint

pytestmark = [pytest.mark.benchmark(group="memory"), pytest.mark.timeout(600)]

ATTEMPTS = figures.sized(100_000, 1_000_000, 10_000_000)
MOST_GROWTH = 1 << 20


def private_bytes() -> int:
    """Memory of this process that is not a mapped file: the segment's pages are counted by its blocks."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("the kernel does not say")


def addresses(count: int) -> Iterator[str]:
    chosen = random.Random(count)
    for _ in range(count):
        number = chosen.getrandbits(32)
        yield f"{number >> 24}.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"


def attempt(world: Standing, count: int) -> None:
    """Unknown keys, each well-formed and from an address of its own."""
    check, psa = world.gate.check, world.psa
    for address in addresses(count):
        check(mint(), psa, address)


def test_unknown_keys_take_no_memory(benchmark: BenchmarkFixture, world: Standing) -> None:
    attempt(world, 10_000)
    gc.collect()
    before, blocks = private_bytes(), world.path.stat().st_blocks
    benchmark.pedantic(lambda: attempt(world, ATTEMPTS), rounds=1)
    gc.collect()
    growth = private_bytes() - before + (world.path.stat().st_blocks - blocks) * 512
    figures.amount(
        "memory", f"growth after {ATTEMPTS:,} unknown keys", growth / 1024, "KiB", at_most=MOST_GROWTH / 1024
    )
