"""One check from Python, beside one bare hash and beside the same work in pure Python."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks.conftest import LARGEST, World
from benchmarks.measure import median_ratio
from benchmarks.pure_python import PurePythonGate

pytestmark = pytest.mark.benchmark(group="check", min_rounds=20)

MOST_HASHES = 1.5
LEAST_SPEEDUP = 4.0


def sha256_of(secret: bytes) -> Callable[[], object]:
    return lambda: hashlib.sha256(secret).digest()


def pure_python(world: World) -> Callable[[], object]:
    pure = PurePythonGate(world.pepper, LARGEST)
    pure.put("key", world.secret, frozenset({"PSA"}))
    assert pure.check(world.secret, "PSA")
    return lambda: pure.check(world.secret, "PSA")


def test_sha256(benchmark: BenchmarkFixture, world: World) -> None:
    benchmark.extra_info.update(title="hashlib.sha256", baseline=True)
    benchmark(sha256_of(world.secret))


def test_pure_python(benchmark: BenchmarkFixture, world: World) -> None:
    benchmark.extra_info.update(title="hashlib + hmac + limits", baseline=True)
    benchmark(pure_python(world))


def test_allowed(benchmark: BenchmarkFixture, world: World) -> None:
    benchmark.extra_info.update(title="gate.check, allowed")
    gate, secret, psa = world.gate, world.secret, world.psa
    assert benchmark(lambda: gate.check(secret, psa))


def test_insufficient_scope(benchmark: BenchmarkFixture, world: World) -> None:
    benchmark.extra_info.update(title="gate.check, insufficient_scope")
    gate, secret, crm = world.gate, world.secret, world.crm
    assert not benchmark(lambda: gate.check(secret, crm))


def test_rate_limited(benchmark: BenchmarkFixture, world: World) -> None:
    benchmark.extra_info.update(title="gate.check, rate_limited")
    gate, secret, psa = world.gate, world.exhausted, world.psa
    assert not benchmark(lambda: gate.check(secret, psa))


def test_unknown_key(benchmark: BenchmarkFixture, world: World) -> None:
    benchmark.extra_info.update(title="gate.check, unknown_key")
    gate, psa = world.gate, world.psa
    unknown = b"tos_4fG7hJ2kLmN9pQrStUvWxY1F2Kph"
    assert not benchmark(lambda: gate.check(unknown, psa))


def test_malformed_key(benchmark: BenchmarkFixture, world: World) -> None:
    benchmark.extra_info.update(title="gate.check, malformed_key")
    gate, psa = world.gate, world.psa
    assert not benchmark(lambda: gate.check(b"tos_nonsense", psa))


def test_a_check_costs_no_more_than_promised(benchmark: BenchmarkFixture, world: World) -> None:
    """Rounds of both take turns, so that what else the machine does weighs on both alike."""
    gate, secret, psa = world.gate, world.secret, world.psa

    def check() -> object:
        return gate.check(secret, psa)

    ratio = benchmark.pedantic(lambda: median_ratio(check, sha256_of(secret)), rounds=1)
    speedup = median_ratio(pure_python(world), check)
    benchmark.extra_info["ratios"] = {
        "gate.check ÷ hashlib.sha256": ratio,
        "hashlib + hmac + limits ÷ gate.check": speedup,
    }
    assert ratio <= MOST_HASHES
    assert speedup >= LEAST_SPEEDUP
