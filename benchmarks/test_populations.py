"""Checks of many keys in random order: what memory costs."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks import figures
from benchmarks.baselines.pure_python import Hit, PurePythonGate, limits_hit, throttled_hit
from benchmarks.baselines.valkey_server import ValkeyServer
from benchmarks.measure import Work, for_each, in_turns
from benchmarks.worlds import World

pytestmark = pytest.mark.benchmark(group="populations")

LARGE = figures.sized(100_000, 1_000_000, 1_000_000)
LARGE_KEYS = f"{figures.power_of_ten(LARGE)} keys"
SLOW_CALLS = 3_000
MOST_BYTES = 256


def hashes(secrets: list[bytes]) -> Work:
    """The same hash, of the same keys, in the same order."""
    hasher = hashlib.sha256

    def work() -> int:
        for secret in secrets:
            hasher(secret).digest()
        return len(secrets)

    return work


def test_ten_thousand_keys(benchmark: BenchmarkFixture, folder: Path, valkey: ValkeyServer) -> None:
    world = World(folder)
    secrets = world.keys(10_000)
    some = secrets[:SLOW_CALLS]
    subjects = {
        "gate.check": for_each(world.gate.check, secrets, world.psa),
        "hashlib.sha256": hashes(secrets),
        "hashlib + hmac + limits": _pure(world, secrets, limits_hit(), some),
        "hashlib + hmac + throttled-py": _pure(world, secrets, throttled_hit(len(secrets)), some),
        f"hashlib + hmac + Lua in Valkey {valkey.version}": _pure(world, secrets, valkey.hit(), some),
    }
    turns = benchmark.pedantic(lambda: in_turns(subjects, rounds=figures.sized(3, 5, 5)), rounds=1)
    _, hashed, *slower = subjects
    figures.ratio("10⁴ keys", f"gate.check ÷ {hashed}", turns.ratio("gate.check", hashed))
    for name in slower:
        figures.ratio("10⁴ keys", f"{name} ÷ gate.check", turns.ratio(name, "gate.check"))
    figures.amount("time of a check", "gate.check, 10⁴ keys", turns.median_s("gate.check") * 1e9, "ns")


def test_many_keys(benchmark: BenchmarkFixture, folder: Path) -> None:
    world = World(folder)
    secrets = world.keys(LARGE)
    subjects = {"gate.check": for_each(world.gate.check, secrets, world.psa), "hashlib.sha256": hashes(secrets)}
    turns = benchmark.pedantic(lambda: in_turns(subjects, rounds=figures.sized(3, 5, 9)), rounds=1)
    figures.ratio(LARGE_KEYS, "gate.check ÷ hashlib.sha256", turns.ratio("gate.check", "hashlib.sha256"), at_most=2.0)
    figures.amount("time of a check", f"gate.check, {LARGE_KEYS}", turns.median_s("gate.check") * 1e9, "ns")
    figures.amount("time of a check", f"hashlib.sha256, {LARGE_KEYS}", turns.median_s("hashlib.sha256") * 1e9, "ns")
    # Blocks, not length: places for keys that never came take no memory.
    taken = world.path.stat().st_blocks * 512
    figures.amount("memory", f"bytes of the segment per key, {LARGE_KEYS}", taken / LARGE, "B", at_most=MOST_BYTES)


def _pure(world: World, secrets: list[bytes], hit: Hit, some: list[bytes]) -> Work:
    pure = PurePythonGate(world.pepper, hit)
    pure.put(secrets)
    return for_each(pure.check, some, "PSA")
